/** A group of logs under test, and what every test of one does: write texts, read them. */
import { logIndex } from "../base/units.ts";
import type { CommittedEntry, ReplicatedLog } from "./port.ts";

export interface LogGroup {
  /** The members that are up. */
  members(): readonly ReplicatedLog[];
  /** Resolves to the one that leads, once one does. */
  leader(): Promise<ReplicatedLog>;
  /** The member ends without warning; the log must survive it. */
  crash(member: ReplicatedLog): Promise<void>;
  /** Every member that is down comes up again. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);

/** The first `count` entries with a payload behind `after`. */
export async function take(
  log: ReplicatedLog,
  count: number,
  after = logIndex(0),
): Promise<CommittedEntry[]> {
  const taken: CommittedEntry[] = [];
  for await (const batch of log.committed(after)) {
    for (const entry of batch) if (entry.payload.length > 0) taken.push(entry);
    if (taken.length >= count) break;
  }
  return taken.slice(0, count);
}
