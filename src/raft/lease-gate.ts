/** What leases let a leader commit, and whether they are over. Why it is safe stands in leases.ts. */
import { leaseTimes } from "../base/limits.ts";
import { type LogIndex, logIndex, type Term } from "../base/units.ts";
import type { Raft, Reign } from "./raft.ts";

/** One holder, as its leader sees it. */
export interface Lease {
  /** When it is over for certain: later than its holder believes. */
  until: number;
  acknowledged: LogIndex;
}

/** How long after its election a leader commits nothing. */
export function formerLeasesMs(raft: Raft): number {
  return raft.config.leaseMs * leaseTimes.driftMargin;
}

/** Up to where leases let a leader commit at this moment. */
export function leaseGate(raft: Raft, reign: Reign): LogIndex {
  if (raft.now < reign.commitsFrom) return raft.commit;
  let gate: number = raft.log.lastIndex;
  for (const { until, acknowledged } of reign.leases.values()) {
    if (until <= raft.now || acknowledged >= gate) continue;
    // Who the members are touches nothing that a holder keeps, so it is not told; what is committed was such, or acknowledged.
    const through = raft.log.throughMemberships(acknowledged > raft.commit ? acknowledged : raft.commit);
    if (through < gate) gate = through;
  }
  return logIndex(gate);
}

/** Whether no lease is live that this leader or any before it has granted. */
export function leasesAreOver(raft: Raft, reign: Reign): boolean {
  if (raft.now < reign.commitsFrom) return false;
  for (const lease of reign.leases.values()) if (lease.until > raft.now) return false;
  return true;
}

/** What a voter can say for a candidate of `candidacy`: that it led the term just before, and every lease is over. */
export function hasDrained(raft: Raft, candidacy: Term): boolean {
  const { reign } = raft;
  return reign !== undefined && raft.term + 1 === candidacy && leasesAreOver(raft, reign);
}
