/**
 * The highest id leads: a leader hands over to a higher id that has been close behind it, without a break, long
 * enough (thesis 3.10), after its leases are over (leases.ts). The wait and the cool-down keep a replica that comes and goes from dragging the leadership
 * along.
 */
import { raftTimes } from "../base/limits.ts";
import type { ReplicaId } from "../base/units.ts";
import { feedAll, progressOf } from "./appends.ts";
import { formerLeasesMs, leasesAreOver } from "./lease-gate.ts";
import { answers } from "./progress.ts";
import { canServe, majorityHasRoom, peers, type Raft, type Reign, send } from "./raft.ts";

/** A follower within this many entries of the leader is close. */
const closeEntries = 1_000;
/** How long the heir may take. */
const handoverMs = raftTimes.electionTimeoutMinMs;
/** How long a leader that should not lead goes on when its heir did not take over. */
const retryMs = 1_000;

/** Begin, finish or give up a transfer. Called at every tick of a leader. */
export function considerTransfer(raft: Raft, reign: Reign): void {
  noteCloseness(raft, reign);
  if (reign.transfer !== undefined) {
    if (raft.now < reign.transfer.until) completeTransfer(raft, reign);
    else endTransfer(raft, reign);
    return;
  }
  if (raft.commit < reign.firstIndex) return;
  const heir = canServe(raft) ? stableHeir(raft, reign) : ableHeir(raft, reign);
  if (heir === undefined) return;
  beginTransfer(raft, reign, heir);
}

/** Asked to lead no more: whoever could serve and is close takes over. */
export function handOver(raft: Raft, reign: Reign): void {
  if (reign.transfer !== undefined || raft.commit < reign.firstIndex) return;
  const heir = closeVoter(raft, reign);
  if (heir !== undefined) beginTransfer(raft, reign, heir);
}

function beginTransfer(raft: Raft, reign: Reign, heir: ReplicaId): void {
  // Leases are granted no more from here on, so they are over in time.
  reign.transfer = { to: heir, stage: "draining", until: raft.now + formerLeasesMs(raft) + handoverMs };
  raft.effects.push({ kind: "noted", event: { kind: "transfer-started", to: heir } });
  if (reign.leases.size > 0) raft.effects.push({ kind: "leases-recalled" });
  completeTransfer(raft, reign);
}

function noteCloseness(raft: Raft, reign: Reign): void {
  for (const progress of reign.progress.values()) {
    const able = progress.standing === "able" && progress.informed && progress.room === "open";
    const close = able && answers(progress, raft.now) && progress.match + closeEntries >= raft.log.lastIndex;
    if (!close) progress.closeSince = undefined;
    else progress.closeSince ??= raft.now;
  }
}

function stableHeir(raft: Raft, reign: Reign): ReplicaId | undefined {
  if (raft.now < reign.nextTransferAt) return undefined;
  let heir: ReplicaId | undefined;
  for (const peer of peers(raft)) {
    const { voter, closeSince: since } = progressOf(raft, peer);
    if (!voter || since === undefined || raft.now - since < raftTimes.transferStableMs) continue;
    if (peer > (heir ?? raft.config.id)) heir = peer;
  }
  return heir;
}

/**
 * A leader that cannot serve, without the state or on a full disk: whoever can and is close takes over at once; unless most
 * disks are full, because then a successor could commit nothing, and this one at least answers reads.
 */
function ableHeir(raft: Raft, reign: Reign): ReplicaId | undefined {
  if (raft.now < reign.nextTryAt || (raft.stateful && !majorityHasRoom(raft))) return undefined;
  return closeVoter(raft, reign);
}

/** The highest of those who could serve and are close. */
function closeVoter(raft: Raft, reign: Reign): ReplicaId | undefined {
  return peers(raft).findLast((peer) => {
    const progress = reign.progress.get(peer);
    return progress?.voter === true && progress.closeSince !== undefined;
  });
}

/** Once leases are over, append nothing more; once the heir has everything, tell it to campaign. */
export function completeTransfer(raft: Raft, reign: Reign): void {
  const { transfer } = reign;
  if (transfer === undefined || transfer.stage === "told") return;
  if (transfer.stage === "draining") {
    if (!leasesAreOver(raft, reign)) return;
    transfer.stage = "catching-up";
    transfer.until = raft.now + handoverMs;
    raft.effects.push({ kind: "leadership" });
    feedAll(raft);
  }
  if (progressOf(raft, transfer.to).match < raft.log.lastIndex) return;
  transfer.stage = "told";
  send(raft, {
    kind: "timeout-now",
    from: raft.config.id,
    to: transfer.to,
    incarnation: raft.config.incarnation,
    term: raft.term,
  });
}

/** The heir did not take over in time: go on leading. */
function endTransfer(raft: Raft, reign: Reign): void {
  reign.transfer = undefined;
  reign.nextTransferAt = raft.now + raftTimes.transferCooldownMs;
  reign.nextTryAt = raft.now + retryMs;
  raft.effects.push({ kind: "leadership" });
}
