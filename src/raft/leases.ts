/**
 * Leases of those outside the group who keep what they read (Gray & Cheriton, SOSP 1989, with Raft's rounds for a basis).
 *
 * A lease holder is like one more voter: nothing is committed that a live lease has not acknowledged. Three rules make
 * it safe, and none of them is about what a follower refuses to do:
 *
 * 1. A lease ends `leaseMs` after the leader *sent* a round that a majority of its term confirmed. Whoever wins a later
 *    election needs one of that majority, which votes after it confirmed: so the lease ends at most `leaseMs` after any
 *    later leader has won.
 * 2. A new leader commits nothing for so long, and a margin for clocks that run at different rates, after it won.
 * 3. It need not wait if the leader of the term just before its own voted for it and said that its leases were over: a
 *    leader that has voted in a later term grants no more, however late its vote arrives. Before it hands leadership
 *    over a leader therefore drains its leases. Nothing else that it might say would do: a request to campaign can be
 *    delivered long after the leader changed its mind.
 */
import { assert } from "../base/assert.ts";
import { leaseTimes } from "../base/limits.ts";
import type { LogIndex } from "../base/units.ts";
import { advanceCommit } from "./commit.ts";
import type { Raft, Reign } from "./raft.ts";

/** `fresh`: a number that was never used; what is in the log by now it need not acknowledge. */
export function grantLease(raft: Raft, holder: number, fresh: boolean): void {
  const { reign } = raft;
  const held = reign?.leases.get(holder);
  assert(!fresh || held === undefined, () => `lease ${holder} is granted anew`);
  const remainingMs = reign === undefined ? 0 : remaining(raft, reign);
  const live = fresh || (held !== undefined && held.until > raft.now);
  if (reign === undefined || !live || remainingMs <= 0) {
    raft.effects.push({ kind: "lease-refused", holder });
    return;
  }
  const until = raft.now + remainingMs * leaseTimes.driftMargin;
  if (held !== undefined) held.until = Math.max(held.until, until);
  else {
    forgetEnded(raft, reign);
    reign.leases.set(holder, { until, acknowledged: raft.log.lastIndex });
  }
  raft.effects.push({ kind: "lease-granted", holder, remainingMs });
}

/** Those that are over count for nothing; they are forgotten when another is granted, so that they do not pile up. */
function forgetEnded({ now }: Raft, { leases }: Reign): void {
  for (const [holder, { until }] of leases) if (until <= now) leases.delete(holder);
}

/** For how long a lease could be granted now. */
function remaining({ config, commit, now }: Raft, reign: Reign): number {
  // Without a confirmed round there is no basis; and what a former leader may have committed must be known.
  if (reign.confirmedRound === 0 || commit < reign.firstIndex || reign.transfer !== undefined) return 0;
  return reign.confirmedAt + config.leaseMs - now;
}

export function acknowledgeLease(raft: Raft, holder: number, through: LogIndex): void {
  const lease = raft.reign?.leases.get(holder);
  if (lease === undefined || through <= lease.acknowledged) return;
  lease.acknowledged = through;
  advanceCommit(raft);
}

/** The holder has given it up. */
export function endLease(raft: Raft, holder: number): void {
  if (raft.reign?.leases.delete(holder) === true) advanceCommit(raft);
}

/** The former leader has said so, perhaps after its vote was no longer needed: there is nothing to wait for. */
export function noteDrained(raft: Raft, reign: Reign): void {
  if (raft.now >= reign.commitsFrom) return;
  reign.commitsFrom = raft.now;
  advanceCommit(raft);
}
