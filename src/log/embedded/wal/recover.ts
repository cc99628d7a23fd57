/**
 * What a start finds on the disk.
 *
 * First everything is read and nothing changed: where the log begins (base.ts), then the segments from there on, in
 * order, every group's checksum and its place in the chain. Something that does not check is a *torn tail* only if nothing of the log comes after it: no group with a
 * later sequence in the rest of the segment, and no byte in a later segment. All else is `WalDamaged`.
 *
 * Then a torn tail is cut: overwritten with zeros, so that its bytes can never again look like a part of the log. An
 * acknowledged group may have been in it, which this replica must not forget even if it dies at once: so the cut is
 * on record, in a file of its own, before the first zero is written, and stays until `forgetCut`.
 *
 * And the last group is written and synced once more. The process before may have died between its write and its
 * sync, or *because* the sync failed, after which the system's cache calls pages clean that the disk never got.
 *
 * At last the segments that a compaction or a reset left behind are removed, as it would have done.
 */
import { join } from "node:path";
import { present } from "../../../base/assert.ts";
import { type LogIndex, logIndex } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import type { TermRun } from "../../../raft/log-view.ts";
import { MembershipHistory } from "../../../raft/membership-history.ts";
import { type BaseRecord, readBase } from "./base.ts";
import { readRecord, writeRecord } from "./checked-record.ts";
import type { Cut } from "./contract.ts";
import { WalDamaged } from "./damage.ts";
import { EntryIndex } from "./entry-index.ts";
import { synced, type WalFile, type WalFiles, withFile, written } from "./files.ts";
import { KeptSegments } from "./kept-segments.ts";
import { removeSegmentsBelow } from "./maintenance.ts";
import { readSegmentHeader, seedOf, segmentHeaderBytes, segmentName, type WalIdentity } from "./record.ts";
import { inspectRest } from "./rest.ts";
import {
  forEachTermRun,
  hardStateOf,
  membershipsOf,
  type Place,
  type ScannedGroup,
  scanGroups,
} from "./scan.ts";
import { listSegments, writeZeros } from "./segments.ts";

export const cutName = "cut.json";

/** What the scan gathers, group by group. */
export class LogState {
  readonly base: BaseRecord;
  readonly index: EntryIndex;
  readonly terms: TermRun[] = [];
  readonly memberships: MembershipHistory;
  readonly kept = new KeptSegments();
  hardState: HardState;
  lastIndex: LogIndex;
  /** The newest segment in use; 0 before the first. */
  segment = 0;
  place: Place = { offset: 0, sequence: 0, chain: 0 };
  /** Where the bytes begin that may not be on the disk yet. */
  unsyncedFrom = 0;
  cut: Cut | undefined;

  constructor(base: BaseRecord) {
    this.base = base;
    this.index = new EntryIndex(logIndex(base.index + 1));
    this.hardState = { term: base.term, votedFor: undefined };
    this.lastIndex = base.index;
    const { members } = base;
    this.memberships = new MembershipHistory(members === undefined ? [] : [{ from: base.index, members }]);
  }

  /** False, and nothing happened, if the group's entries do not continue the log. */
  add(group: ScannedGroup): boolean {
    const counts = group.entries > 0 && group.place.sequence >= this.base.sequence;
    const continues = group.firstIndex > this.base.index && group.firstIndex <= this.lastIndex + 1;
    if (counts && !continues) return false;
    this.unsyncedFrom = group.place.offset === segmentHeaderBytes ? 0 : group.place.offset;
    this.hardState = hardStateOf(group);
    const first = logIndex(group.firstIndex);
    this.kept.add(this.segment, group.length, counts ? first : undefined);
    if (!counts) return true;
    this.lastIndex = logIndex(first + group.entries - 1);
    this.index.add(first, this.lastIndex, this.segment, group.place);
    while ((this.terms.at(-1)?.from ?? 0) >= first) this.terms.pop();
    this.memberships.truncate(first);
    for (const run of membershipsOf(group)) this.memberships.add(run);
    forEachTermRun(group, this.terms.at(-1)?.term, (from, ofTerm) => this.terms.push({ from, term: ofTerm }));
    return true;
  }
}

/** Read the log, cut a torn tail, make sure of the rest. Throws `WalDamaged`, and has changed nothing then. */
export async function recover(files: WalFiles, dir: string, identity: WalIdentity): Promise<LogState> {
  const state = await scanLog(files, dir, identity);
  const { cut, base } = state;
  const earlier = (await readRecord(files, dir, cutName)) as Cut | undefined;
  if (cut !== undefined) {
    await writeRecord(files, dir, cutName, cut);
    await withFile(files, join(dir, cut.segment), async (file) => {
      await writeZeros(file, cut.offset, cut.offset + cut.bytes);
      await synced(file);
    });
  }
  await withFile(files, join(dir, segmentName(state.segment)), (file) => rewrite(file, state));
  await removeSegmentsBelow(files, dir, base.segment);
  state.cut ??= earlier;
  return state;
}

async function rewrite(file: WalFile, state: LogState): Promise<void> {
  const bytes = new Uint8Array(state.place.offset - state.unsyncedFrom);
  await file.pread(bytes, 0, bytes.length, state.unsyncedFrom);
  await written(file, bytes, state.unsyncedFrom);
  await synced(file);
}

/** What does not check, or is empty: nothing of the log may come after it. */
interface Stop {
  readonly segment: string;
  readonly offset: number;
  readonly found: string;
}

async function scanLog(files: WalFiles, dir: string, identity: WalIdentity): Promise<LogState> {
  const base = await readBase(files, dir);
  const numbers = (await listSegments(files, dir)).filter((number) => number >= base.segment);
  const state = new LogState(base);
  let stop: Stop | undefined;
  for (const [i, number] of numbers.entries()) {
    const expected = base.segment + i;
    if (number !== expected) throw new WalDamaged(segmentName(expected), 0, "the segment is missing");
    const before = stop;
    const name = segmentName(number);
    stop = await withFile(files, join(dir, name), (file) =>
      scanSegment(file, state, identity, number, before),
    );
  }
  if (state.segment === 0) throw new WalDamaged(segmentName(base.segment), 0, "the segment is missing");
  if (state.place.sequence < base.sequence) {
    const { segment, place } = state;
    throw new WalDamaged(segmentName(segment), place.offset, "groups that were durable are missing");
  }
  return state;
}

/** Returns where the log stops in this segment, unless the next one may continue it. */
async function scanSegment(
  file: WalFile,
  state: LogState,
  identity: WalIdentity,
  number: number,
  before: Stop | undefined,
): Promise<Stop | undefined> {
  const name = segmentName(number);
  const size = await file.size();
  const header = new Uint8Array(segmentHeaderBytes);
  await file.pread(header, 0, header.length, 0);
  const from = readSegmentHeader(header, identity, number);
  if (from === undefined) {
    if (state.segment === 0) throw new WalDamaged(name, 0, "the segment's header does not check");
    return inspect(file, state, identity, name, size, 0, before);
  }
  if (before !== undefined) throw new WalDamaged(before.segment, before.offset, before.found);
  const continues = from.sequence === state.place.sequence && from.chain === state.place.chain;
  if (state.segment > 0 && !continues) {
    throw new WalDamaged(
      segmentName(number - 1),
      state.place.offset,
      `${name} does not continue what is before it`,
    );
  }
  state.segment = number;
  state.unsyncedFrom = 0;
  state.place = await scanGroups(file, size, { ...from, offset: segmentHeaderBytes }, false, (group) => {
    if (!state.add(group))
      throw new WalDamaged(name, group.place.offset, "entries are missing before this group");
    return true;
  });
  return inspect(file, state, identity, name, size, state.place.offset, undefined);
}

/** Look at what is behind the last group that checked; note it as the cut if it is not zeros. */
async function inspect(
  file: WalFile,
  state: LogState,
  identity: WalIdentity,
  name: string,
  size: number,
  offset: number,
  before: Stop | undefined,
): Promise<Stop | undefined> {
  const rest = await inspectRest(file, size, offset, state.place.sequence, seedOf(identity));
  if (rest.usedTo === undefined) {
    return (
      before ??
      (offset > 0 ? undefined : { segment: name, offset, found: "an empty segment, and more behind it" })
    );
  }
  const found = "something that does not check, and more of the log behind it";
  if (before !== undefined) throw new WalDamaged(before.segment, before.offset, before.found);
  if (rest.laterGroup !== undefined) throw new WalDamaged(name, offset, found);
  state.cut = { segment: name, offset, bytes: rest.usedTo - offset };
  return { segment: name, offset, found };
}

/** The segment that the log goes on in, open. */
export async function openCurrent(files: WalFiles, dir: string, state: LogState): Promise<WalFile> {
  return files.open(
    join(dir, segmentName(present(state.segment || undefined, "a segment in use"))),
    "existing",
  );
}
