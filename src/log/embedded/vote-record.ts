/**
 * The newest term and vote, in a file of their own besides the log. The log has them too, at its end; but one bad sector
 * there could take both copies, and what was acknowledged last, and look like a clean end. The record is written once
 * the log's own copy is durable, so at a start it is never the newer one, unless the log has lost its end.
 */
import { replicaId, term } from "../../base/units.ts";
import type { HardState } from "../../raft/effect.ts";
import { readRecord, writeRecord } from "./wal/checked-record.ts";
import { WalDamaged } from "./wal/damage.ts";
import type { WalFiles } from "./wal/files.ts";
import { nodeFiles } from "./wal/node-files.ts";

const name = "vote.json";

/** Durable when it resolves. */
export async function writeVote(
  directory: string,
  { term: inTerm, votedFor }: HardState,
  files: WalFiles = nodeFiles,
): Promise<void> {
  await writeRecord(files, directory, name, { term: inTerm, votedFor: votedFor ?? null });
}

/** `undefined`: it never had a term. Throws `WalDamaged` if it cannot be read. */
export async function readVote(
  directory: string,
  files: WalFiles = nodeFiles,
): Promise<HardState | undefined> {
  const record = await readRecord(files, directory, name);
  if (record === undefined) return undefined;
  const { term: inTerm, votedFor } = record as { readonly term: unknown; readonly votedFor: unknown };
  if (typeof inTerm !== "number" || (votedFor !== null && typeof votedFor !== "number")) {
    throw new WalDamaged(name, 0, "it does not hold a term and a vote");
  }
  return { term: term(inTerm), votedFor: votedFor === null ? undefined : replicaId(votedFor) };
}

/** Whether `voted` is what the log must have held, and does not hold any more. */
export function isLostFrom(log: HardState, voted: HardState): boolean {
  if (voted.term !== log.term) return voted.term > log.term;
  return voted.votedFor !== undefined && voted.votedFor !== log.votedFor;
}
