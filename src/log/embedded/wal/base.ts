/**
 * Where the log begins: the record of what is no longer in it.
 *
 * It is what compaction and a reset turn on: the record is replaced as a whole, so a start finds the log either as it
 * was before or as it is after, whatever else was under way. Segments below the record's are rubbish from then on,
 * and whoever finds one removes it.
 */
import { logIndex, replicaId, term } from "../../../base/units.ts";
import { type LogBase, wholeLog } from "../../../raft/log-view.ts";
import type { Membership } from "../../../raft/membership.ts";
import { readRecord, writeRecord } from "./checked-record.ts";
import { WalDamaged } from "./damage.ts";
import type { WalFiles } from "./files.ts";

export const baseName = "base.json";

/** Where a log begins, which goes on behind the entry with this index and term. */
export interface BaseRecord extends LogBase {
  /** The first segment of the log. */
  readonly segment: number;
  /**
   * The first group whose entries count; earlier ones in the segment are of a log that was reset, and say only what
   * the term and the vote were. All of them were durable when the record was written.
   */
  readonly sequence: number;
  /** Who the members were as of that entry; `undefined`: not known. */
  readonly members: Membership | undefined;
}

/** Of a log from which nothing was ever removed. */
const original: BaseRecord = { ...wholeLog, segment: 1, sequence: 0, members: undefined };

/** The record of a new log that goes on behind `base`; `members` are known of one that a group is founded with. */
export function originalBase(base: LogBase, members: Membership | undefined): BaseRecord {
  return { ...original, index: base.index, term: base.term, members };
}

/** Durable when it resolves; if it fails, it may hold or not. */
export function writeBase(files: WalFiles, dir: string, base: BaseRecord): Promise<void> {
  const { index, term, segment, sequence, members } = base;
  const said = members === undefined ? {} : { members };
  return writeRecord(files, dir, baseName, { index, term, segment, sequence, ...said });
}

/** Throws `WalDamaged` if there is a record that does not check. */
export async function readBase(files: WalFiles, dir: string): Promise<BaseRecord> {
  const record = await readRecord(files, dir, baseName);
  if (record === undefined) return original;
  const { index, term: ofTerm, segment, sequence, members } = record as Record<string, unknown>;
  return {
    index: logIndex(count(index)),
    term: term(count(ofTerm)),
    segment: count(segment),
    sequence: count(sequence),
    members: members === undefined ? undefined : membersOf(members),
  };
}

function membersOf(value: unknown): Membership {
  const wrong = new WalDamaged(baseName, 0, "it does not say who the members are");
  if (!Array.isArray(value)) throw wrong;
  return value.map(({ id, role, address }: Record<string, unknown>) => {
    if ((role !== "voter" && role !== "learner") || typeof address !== "string") throw wrong;
    return { id: replicaId(count(id)), role, address };
  });
}

function count(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new WalDamaged(baseName, 0, "it does not say where the log begins");
}
