/** What is committed, and what may be handed out. */
import { assert } from "../base/assert.ts";
import { type LogIndex, logIndex } from "../base/units.ts";
import { leaseGate } from "./lease-gate.ts";
import { counts } from "./progress.ts";
import { reachedByMajority } from "./quorum.ts";
import type { Raft } from "./raft.ts";
import { startReads } from "./reads.ts";

/** The commit index rises to `index`. */
export function commitTo(raft: Raft, index: LogIndex): void {
  assert(index <= raft.log.lastIndex, () => `commit ${index} behind the log's end ${raft.log.lastIndex}`);
  if (index > raft.commit) raft.commit = index;
}

/**
 * A leader's commit index: the largest index that is durable on a majority and is of the leader's own term; older
 * entries are committed with it, never by counting (§5.4.2, figure 8). The leader itself counts only with what its
 * own disk has, a learner not at all, nor a follower that recovers or does not know the members, and every live lease is one more that must have acknowledged it.
 */
export function advanceCommit(raft: Raft): void {
  const { reign } = raft;
  assert(reign !== undefined, "only a leader counts");
  const reached: number[] = [raft.durable];
  for (const progress of reign.progress.values())
    if (progress.voter) reached.push(counts(progress) ? progress.match : 0);
  const held = logIndex(reachedByMajority(reached));
  if (held <= raft.commit || raft.log.termAt(held) !== raft.term) return;
  const gate = leaseGate(raft, reign);
  const index = gate < held ? gate : held;
  if (index <= raft.commit) return;
  const first = raft.commit < reign.firstIndex;
  commitTo(raft, index);
  if (first) startReads(raft);
}

/**
 * At the end of a step: hand out what is committed *and* durable here. So neither the store nor an answer is ever
 * ahead of this replica's own log.
 */
export function deliver(raft: Raft): void {
  const through = raft.commit < raft.durable ? raft.commit : raft.durable;
  if (through <= raft.delivered) return;
  raft.delivered = through;
  raft.effects.push({ kind: "deliver", through });
}
