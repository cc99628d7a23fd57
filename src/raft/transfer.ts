/**
 * The highest id leads: a leader hands over to a higher id that has been close behind it, without a break, long
 * enough (thesis 3.10). The wait and the cool-down keep a replica that comes and goes from dragging the leadership
 * along.
 */
import { raftTimes } from "../base/limits.ts";
import type { ReplicaId } from "../base/units.ts";
import { feedAll, progressOf } from "./appends.ts";
import { peers, type Raft, type Reign, send } from "./raft.ts";

/** A follower within this many entries of the leader is close. */
const closeEntries = 1_000;
/** A follower that has not answered for this long is not connected. */
const silentMs = 4 * raftTimes.heartbeatMs;

/** Begin, finish or give up a transfer. Called at every tick of a leader. */
export function considerTransfer(raft: Raft, reign: Reign): void {
  noteCloseness(raft, reign);
  if (reign.transfer !== undefined) {
    if (raft.now < reign.transfer.until) completeTransfer(raft, reign);
    else endTransfer(raft, reign);
    return;
  }
  if (raft.now < reign.nextTransferAt || raft.commit < reign.firstIndex) return;
  const heir = stableHeir(raft, reign);
  if (heir === undefined) return;
  reign.transfer = { to: heir, until: raft.now + raftTimes.electionTimeoutMinMs, sent: false };
  raft.effects.push({ kind: "noted", event: { kind: "transfer-started", to: heir } }, { kind: "leadership" });
  feedAll(raft);
  completeTransfer(raft, reign);
}

function noteCloseness(raft: Raft, reign: Reign): void {
  for (const progress of reign.progress.values()) {
    const answers = raft.now - progress.heardAt < silentMs;
    const close = answers && progress.match + closeEntries >= raft.log.lastIndex;
    if (!close) progress.closeSince = undefined;
    else progress.closeSince ??= raft.now;
  }
}

function stableHeir(raft: Raft, reign: Reign): ReplicaId | undefined {
  let heir: ReplicaId | undefined;
  for (const peer of peers(raft)) {
    const since = reign.progress.get(peer)?.closeSince;
    if (since === undefined || raft.now - since < raftTimes.transferStableMs) continue;
    if (peer > (heir ?? raft.config.id)) heir = peer;
  }
  return heir;
}

/** Once the heir has everything, tell it to campaign. */
export function completeTransfer(raft: Raft, reign: Reign): void {
  const { transfer } = reign;
  if (transfer === undefined || transfer.sent) return;
  if (progressOf(raft, transfer.to).match < raft.log.lastIndex) return;
  transfer.sent = true;
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
  raft.effects.push({ kind: "leadership" });
}
