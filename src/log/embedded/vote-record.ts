/**
 * The newest term and vote, in a file of their own besides the log. The log has them too, at its end; but one bad sector
 * there could take both copies, and what was acknowledged last, and look like a clean end. The record is written once
 * the log's own copy is durable, so at a start it is never the newer one, unless the log has lost its end.
 *
 * With them stands which entry last said who the members are: a replica that forgot it could be elected by the wrong ones.
 *
 * On a full disk a group must still be able to choose a leader. So the file is made once, and then written in place: in
 * one of two slots, each a sector of its own, by turns. A crash can spoil only the slot that was being written, and the other
 * holds the vote before it.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type LogIndex, logIndex, replicaId, type Term, term } from "../../base/units.ts";
import type { HardState } from "../../raft/effect.ts";
import { WalDamaged } from "./wal/damage.ts";
import { synced, type WalFile, type WalFiles, withFile, written } from "./wal/files.ts";
import { nodeFiles } from "./wal/node-files.ts";
import { getWide, setWide, viewOf } from "./wal/record.ts";

const name = "vote";
const slots = 2;
/** Written wholly or not at all. */
const slotBytes = 512;
const fileBytes = slots * slotBytes;

/**
 * In a slot, little-endian: the checksum of all behind it, who was voted for + 1 or 0, the number of the write, the term;
 * index and term of the entry that says who the members are, or 0.
 */
const field = { checksum: 0, votedFor: 4, write: 8, term: 16, members: 24, membersTerm: 32 } as const;

/** An entry of a log. */
export interface EntryMark {
  readonly index: LogIndex;
  readonly term: Term;
}

const noMark: EntryMark = { index: logIndex(0), term: term(0) };

interface Vote extends HardState {
  readonly members: EntryMark;
  /** Counts the writes of the file, from 1. */
  readonly write: number;
}

/** Durable when it resolves. Needs room on the disk only the first time in a directory. One at a time. */
export async function writeVote(
  directory: string,
  hardState: HardState,
  files: WalFiles = nodeFiles,
  /** As on record if not given. */
  members?: EntryMark,
): Promise<void> {
  if (!(await files.list(directory)).includes(name)) {
    await (await files.open(join(directory, name), "new")).close();
    await files.syncDirectory(directory);
  }
  await withFile(files, join(directory, name), async (file) => {
    if ((await file.size()) < fileBytes) {
      await written(file, new Uint8Array(fileBytes), 0);
      await file.fsync();
    }
    const before = newest(await readSlots(file));
    const write = (before?.write ?? 0) + 1;
    const vote = { ...hardState, write, members: members ?? before?.members ?? noMark };
    await written(file, encode(vote), (write % slots) * slotBytes);
    await synced(file);
  });
}

/** `undefined`: it never had a term. Throws `WalDamaged` if it cannot be read. */
export async function readVote(
  directory: string,
  files: WalFiles = nodeFiles,
): Promise<HardState | undefined> {
  if (!(await files.list(directory)).includes(name)) return undefined;
  return await withFile(files, join(directory, name), async (file) => {
    const read = await readSlots(file);
    const vote = newest(read);
    if (vote !== undefined) return { term: vote.term, votedFor: vote.votedFor };
    if (read.includes("damaged")) throw new WalDamaged(name, 0, "it does not hold a term and a vote");
    return undefined;
  });
}

/** The newest entry on record that says who the members are; `undefined` if there is none, or it cannot be read. */
export async function readMembersMark(
  directory: string,
  files: WalFiles = nodeFiles,
): Promise<EntryMark | undefined> {
  if (!(await files.list(directory)).includes(name)) return undefined;
  const vote = newest(await withFile(files, join(directory, name), (file) => readSlots(file)));
  return vote === undefined || vote.members.index === 0 ? undefined : vote.members;
}

/** Whether a log with this last entry must have held the other, and does not hold it, nor what replaced it. */
export function isBehindMark(last: EntryMark, mark: EntryMark): boolean {
  return last.term < mark.term || (last.term === mark.term && last.index < mark.index);
}

/** Whether `voted` is what the log must have held, and does not hold any more. */
export function isLostFrom(log: HardState, voted: HardState): boolean {
  if (voted.term !== log.term) return voted.term > log.term;
  return voted.votedFor !== undefined && voted.votedFor !== log.votedFor;
}

function newest(read: readonly (Vote | "empty" | "damaged")[]): Vote | undefined {
  const votes = read.filter((slot) => typeof slot === "object");
  return votes.toSorted((a, b) => b.write - a.write)[0];
}

async function readSlots(file: WalFile): Promise<(Vote | "empty" | "damaged")[]> {
  const bytes = new Uint8Array(fileBytes);
  await file.pread(bytes, 0, fileBytes, 0);
  return Array.from({ length: slots }, (_, i) => decode(bytes.subarray(i * slotBytes, (i + 1) * slotBytes)));
}

function encode({ term: inTerm, votedFor, write, members }: Vote): Uint8Array {
  const slot = new Uint8Array(slotBytes);
  const view = viewOf(slot);
  view.setUint32(field.votedFor, votedFor === undefined ? 0 : votedFor + 1, true);
  setWide(view, field.write, write);
  setWide(view, field.term, inTerm);
  setWide(view, field.members, members.index);
  setWide(view, field.membersTerm, members.term);
  view.setUint32(field.checksum, crc32(slot.subarray(field.votedFor)), true);
  return slot;
}

function decode(slot: Uint8Array): Vote | "empty" | "damaged" {
  if (slot.every((byte) => byte === 0)) return "empty";
  const view = viewOf(slot);
  if (view.getUint32(field.checksum, true) !== crc32(slot.subarray(field.votedFor))) return "damaged";
  const voted = view.getUint32(field.votedFor, true);
  return {
    term: term(getWide(view, field.term)),
    votedFor: voted === 0 ? undefined : replicaId(voted - 1),
    write: getWide(view, field.write),
    members: { index: logIndex(getWide(view, field.members)), term: term(getWide(view, field.membersTerm)) },
  };
}
