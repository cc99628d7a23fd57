/** Reading groups one after the other, checking the chain: for a start, and for reads of old entries. */
import { crc32 } from "node:zlib";
import { type LogIndex, logIndex, replicaId, type Term, term } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import { decodeMembership } from "../../../raft/membership.ts";
import type { MembershipRun } from "../../../raft/membership-history.ts";
import type { Entry } from "../../../raft/message.ts";
import type { WalFile } from "./files.ts";
import {
  type ChainPoint,
  entryHeaderBytes,
  getWide,
  groupField,
  groupHeaderBytes,
  groupMagic,
  membershipBit,
  viewOf,
} from "./record.ts";

/** What is read at once: a whole log at a start, a stretch of the sparse index otherwise. */
const scanChunkBytes = 1024 * 1024;
const keptChunkBytes = 320 * 1024;

/** A place in a segment and in the chain. */
export interface Place extends ChainPoint {
  readonly offset: number;
}

/** A group that checked. It is a view: valid until the next one is read, unless the scan keeps its buffers. */
export interface ScannedGroup {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where in `bytes` its header is. */
  readonly at: number;
  readonly length: number;
  readonly firstIndex: number;
  readonly entries: number;
  /** Where it is in the file, and in the chain. */
  readonly place: Place;
}

export function hardStateOf(group: ScannedGroup): HardState {
  const vote = group.view.getUint32(group.at + groupField.votedFor, true);
  return {
    term: term(getWide(group.view, group.at + groupField.term)),
    votedFor: vote === 0 ? undefined : replicaId(vote - 1),
  };
}

/** Call `each` with every entry's index, its term, where its payload is in `group.bytes`, and its kind. */
function forEachEntry(
  group: ScannedGroup,
  each: (index: number, term: number, offset: number, length: number, kind: Entry["kind"]) => void,
): void {
  let at = group.at + groupHeaderBytes;
  for (let i = 0; i < group.entries; i++) {
    const field = group.view.getUint32(at, true);
    const kind = field >= membershipBit ? "membership" : "command";
    const length = kind === "membership" ? field - membershipBit : field;
    each(group.firstIndex + i, getWide(group.view, at + 4), at + entryHeaderBytes, length, kind);
    at += entryHeaderBytes + length;
  }
}

/** The entries of [from, to]; payloads are views of the group's bytes. */
export function entriesOf(group: ScannedGroup, from: LogIndex, to: LogIndex): Entry[] {
  const entries: Entry[] = [];
  forEachEntry(group, (index, ofTerm, offset, length, kind) => {
    if (index < from || index > to) return;
    const payload = new Uint8Array(group.bytes.buffer, group.bytes.byteOffset + offset, length);
    entries.push({ index: logIndex(index), term: term(ofTerm), kind, payload });
  });
  return entries;
}

/** What the group's entries say of who the members are. */
export function membershipsOf(group: ScannedGroup): readonly MembershipRun[] {
  const runs: MembershipRun[] = [];
  forEachEntry(group, (index, _, offset, length, kind) => {
    if (kind !== "membership") return;
    const members = decodeMembership(group.bytes.subarray(offset, offset + length));
    runs.push({ from: logIndex(index), members });
  });
  return runs;
}

/** Call `run` where the term is not that of the entry before, which `before` is for the first. */
export function forEachTermRun(
  group: ScannedGroup,
  before: Term | undefined,
  run: (from: LogIndex, term: Term) => void,
): void {
  let last: number | undefined = before;
  forEachEntry(group, (index, ofTerm) => {
    if (ofTerm === last) return;
    last = ofTerm;
    run(logIndex(index), term(ofTerm));
  });
}

/**
 * Read groups from `from` until one does not check, the file ends, or `each` returns false. Returns the place behind
 * the last group that checked. `keep`: the groups stay valid, because no buffer is used twice.
 */
export async function scanGroups(
  file: WalFile,
  size: number,
  from: Place,
  keep: boolean,
  each: (group: ScannedGroup) => boolean,
): Promise<Place> {
  let bytes = new Uint8Array(0);
  let view = viewOf(bytes);
  let have = 0;
  let at = 0;
  let { offset, sequence, chain } = from;

  /** Have `needed` bytes from `at` on, if the file has them. */
  const fill = async (needed: number): Promise<boolean> => {
    if (offset + needed > size) return false;
    const rest = bytes.subarray(at, have);
    const chunkBytes = keep ? keptChunkBytes : scanChunkBytes;
    const next = keep || bytes.length < needed ? new Uint8Array(Math.max(needed, chunkBytes)) : bytes;
    next.set(rest);
    bytes = next;
    view = viewOf(next);
    at = 0;
    have = rest.length;
    const wanted = Math.min(next.length - have, size - offset - have);
    have += await file.pread(next, have, wanted, offset + have);
    return have >= needed;
  };

  for (;;) {
    if (have - at < groupHeaderBytes && !(await fill(groupHeaderBytes))) break;
    if (view.getUint32(at + groupField.magic, true) !== groupMagic) break;
    const length = groupHeaderBytes + view.getUint32(at + groupField.length, true);
    if (have - at < length && !(await fill(length))) break;
    if (getWide(view, at + groupField.sequence) !== sequence) break;
    const sum = crc32(bytes.subarray(at + groupField.self, at + length), chain);
    if (sum !== view.getUint32(at + groupField.chain, true)) break;
    const goOn = each({
      bytes,
      view,
      at,
      length,
      firstIndex: getWide(view, at + groupField.firstIndex),
      entries: view.getUint32(at + groupField.entries, true),
      place: { offset, sequence, chain },
    });
    at += length;
    offset += length;
    sequence++;
    chain = sum;
    if (!goOn) break;
  }
  return { offset, sequence, chain };
}
