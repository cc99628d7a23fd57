/**
 * Linearizable reads without the log (ReadIndex, thesis 6.4): remember the commit index, have a majority confirm
 * that no newer leader exists, and serve once that index is applied. Reads that arrive while a round is under way
 * share the next one.
 */
import { assert } from "../base/assert.ts";
import { broadcastRound } from "./appends.ts";
import { counts } from "./progress.ts";
import { reachedByMajority } from "./quorum.ts";
import type { Raft, Reign } from "./raft.ts";

export function read(raft: Raft, id: number): void {
  if (raft.reign === undefined) {
    raft.effects.push({ kind: "read-refused", ids: [id] });
    return;
  }
  raft.reign.readsWaiting.push(id);
  startReads(raft);
}

/**
 * Begin a round for the reads that wait, unless one is under way. None begins before an entry of the leader's own
 * term is committed: until then its commit index may be behind what an earlier leader has answered (thesis 6.4).
 */
export function startReads(raft: Raft): void {
  const { reign } = raft;
  assert(reign !== undefined, "only a leader confirms reads");
  if (reign.readsInRound !== undefined || reign.readsWaiting.length === 0) return;
  if (raft.commit < reign.firstIndex) return;
  const ids = reign.readsWaiting;
  reign.readsWaiting = [];
  reign.readsInRound = { ids, index: raft.commit, round: reign.round + 1 };
  broadcastRound(raft);
  confirmRounds(raft);
}

/** A follower confirmed a round: see what a majority has now confirmed. */
export function confirmRounds(raft: Raft): void {
  const { reign } = raft;
  assert(reign !== undefined, "only a leader confirms rounds");
  const rounds: number[] = [reign.round];
  for (const progress of reign.progress.values())
    if (progress.voter) rounds.push(counts(progress) ? progress.round : 0);
  const confirmed = reachedByMajority(rounds);
  if (confirmed <= reign.confirmedRound) return;
  noteConfirmed(reign, confirmed);
  const reads = reign.readsInRound;
  if (reads === undefined || reads.round > confirmed) return;
  reign.readsInRound = undefined;
  raft.effects.push({ kind: "read-ready", ids: reads.ids, index: reads.index });
  startReads(raft);
}

function noteConfirmed(reign: Reign, round: number): void {
  reign.confirmedRound = round;
  let passed = 0;
  for (const sent of reign.roundsSent) {
    if (sent.round > round) break;
    reign.confirmedAt = sent.at;
    passed++;
  }
  reign.roundsSent.splice(0, passed);
}

/** The reign is over: no read of it may be served. */
export function refuseReads(raft: Raft, reign: Reign): void {
  const ids = [...(reign.readsInRound?.ids ?? []), ...reign.readsWaiting];
  if (ids.length > 0) raft.effects.push({ kind: "read-refused", ids });
}
