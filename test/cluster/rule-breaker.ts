/**
 * Rules that a history can break on purpose, outside the core, to see that the invariants catch it: a check that never
 * fails proves nothing.
 */
import { appendMembership } from "../../src/raft/changes.ts";
import { type Change, changed, isVoter, voterCount } from "../../src/raft/membership.ts";
import { counts } from "../../src/raft/progress.ts";
import { mayAppend, type Raft, type Reign } from "../../src/raft/raft.ts";
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

export const brokenRules = [
  /** A cut tail may take a term or a vote with it. */
  "forgets votes",
  /** A cut tail may take with it who the members are. Seldom seen: in some history of hundreds; no test waits for it. */
  "forgets members",
  /** Holders count a lease from when it was granted to them. */
  "counts from the answer",
  /** Holders' clocks run slower than the margin allows for. */
  "slow clocks",
  /** A connection that ends takes its leases with it at once, before the holder knows. */
  "ends with its connection",
  /** A new leader does not wait for the leases of former ones. */
  "does not wait",
  /** A lost log is begun as if there had never been one. */
  "starts as if new",
  /** A leader changes the members before it has committed an entry of its own term (the bug of 2015). */
  "changes before its term",
  /** A change does not wait for the one before. */
  "changes at once",
  /** Learners count like voters. */
  "learners count",
  /** A member that was promoted counts only once that is committed. */
  "counts by the old members",
  /** A log that does not say who the members are is taken for one of the group's beginning. */
  "believes the founders",
  /** A barrier does not wait for a change that is under way. Seldom seen; no test waits for it. */
  "recovers amid a change",
  /** A barrier needs only a majority. Seldom seen: some history of five members in thousands; no test waits for it. */
  "recovers by a majority",
] as const;
export type Broken = (typeof brokenRules)[number];

/** After a step of a replica. */
export function breakRule(raft: Raft, world: World): void {
  const { reign } = raft;
  if (reign === undefined) return;
  if (world.broken === "does not wait") reign.commitsFrom = raft.now;
  if (world.broken === "recovers by a majority") grantEarly(raft, reign, world, false);
  if (world.broken === "recovers amid a change") grantEarly(raft, reign, world, true);
  if (world.broken === "learners count")
    for (const progress of reign.progress.values()) progress.voter = true;
  if (world.broken === "counts by the old members") forgetPromotion(raft, reign);
}

function forgetPromotion(raft: Raft, reign: Reign): void {
  const { log, commit } = raft;
  const before = log.membersFrom > commit ? log.membersAt(commit) : log.members;
  for (const [id, progress] of reign.progress) progress.voter = isVoter(before, id);
}

/** Ask a leader for a change; with a rule broken, see to it that it does not wait. */
export function askForChange({ broken }: World, leader: SimReplica, change: Change): void {
  const { running: raft } = leader;
  const { log, commit, reign } = raft;
  const begun = reign !== undefined && commit >= reign.firstIndex;
  const settled = log.membersFrom <= commit;
  const early =
    (broken === "changes before its term" && !begun && settled) ||
    (broken === "changes at once" && begun && !settled);
  const after = log.members === undefined ? undefined : changed(log.members, change);
  if (early && !leader.isPaused && mayAppend(raft) && isVoter(after, raft.config.id) && after !== undefined) {
    appendMembership(raft, after);
    leader.handle({ kind: "tick" });
  } else leader.handle({ kind: "change-membership", change });
}

function grantEarly(raft: Raft, reign: Reign, world: World, all: boolean): void {
  if (raft.commit < reign.firstIndex) return;
  const { id: from, incarnation } = raft.config;
  const voters = voterCount(raft.log.members ?? []);
  for (const [to, { barrier }] of reign.progress) {
    if (barrier === undefined) continue;
    let confirmed = 1;
    let lacking = 0;
    for (const [peer, progress] of reign.progress) {
      if (counts(progress) && progress.round >= barrier.round) confirmed++;
      if (peer !== to && progress.voter && progress.round < barrier.round) lacking++;
    }
    if (confirmed <= voters / 2 || (all && lacking > 0)) continue;
    const { incarnation: life, index } = barrier;
    world.send({ kind: "recover-grant", from, to, incarnation, term: raft.term, life, index });
  }
}
