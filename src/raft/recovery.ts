/**
 * How a replica that lost its disk, or found it damaged, comes to count again (Protocol-Aware Recovery, FAST '18, has
 * the problem; the rule is this project's).
 *
 * It may have voted, and have acknowledged entries, and knows neither. So under a new incarnation it votes for nobody,
 * counts in no majority, and asks for a *barrier*: a round of a leader's that every *other* voter confirmed after the
 * request came, with the leader's term T and last index I at that time.
 *
 * - A forgotten vote was given in a term of at most T: a candidate that still holds one for a later term is among those
 *   who confirmed, and would have answered with that term instead. From here on the replica knows T and votes in no
 *   term up to T but for a leader that it heard.
 * - A forgotten acknowledgement of an entry that was or may be committed with it is of an entry that this leader has, at
 *   or below I: an older leader can no longer count it, because a majority without the replica has confirmed T.
 *
 * So once its log holds everything up to I, committed by the others alone, durably with its term and a vote for the
 * leader that it follows, it has forgotten nothing that matters. A mere majority of the others would not be safe with
 * five members: the candidate, or the only other holder of the entry, might be the one that did not answer.
 *
 * If several have lost their disks at once, all must answer the round, each in its present life, and those that count must
 * be a majority of all: then every majority that the lost ones were part of has a member among them; and one that answers
 * as recovering has been no candidate since it lost its disk. Of three, two cannot be brought back like this: that is an
 * operator's decision.
 *
 * Who the others are is what the leader's log says, once that is committed (ARCHITECTURE.md, "How the group changes").
 */
import type { LogIndex, ReplicaId, Term } from "../base/units.ts";
import { broadcastRound, progressOf } from "./appends.ts";
import type { RecoverGrant, RecoverRequest } from "./message.ts";
import { isHardStateDurable } from "./persistence.ts";
import { counts } from "./progress.ts";
import { majority } from "./quorum.ts";
import { peers, type Raft, type Reign, send } from "./raft.ts";

/** What a recovering replica knows. */
export interface Recovery {
  /**
   * The lowest last index of a leader whose barrier was granted, and that of the newest term. One grant is proof enough,
   * whatever came before or after it, for nothing was promised meanwhile; and what a leader had beyond it may be nowhere
   * any more.
   */
  barrier: { readonly index: LogIndex; readonly term: Term } | undefined;
  nextRequestAt: number;
}

/** What a leader notes of a recovering follower's request: the round that answers it, and its log's end then. */
export interface BarrierRequest {
  readonly incarnation: number;
  readonly round: number;
  readonly index: LogIndex;
}

const requestEveryMs = 100;

/** A recovering replica's turn of the clock: it asks once in a term. It knows of no leader: everyone is asked, and only a leader answers. */
export function requestBarrier(raft: Raft, recovery: Recovery): void {
  const { barrier, nextRequestAt } = recovery;
  if (barrier?.term === raft.term || raft.now < nextRequestAt) return;
  recovery.nextRequestAt = raft.now + requestEveryMs;
  for (const to of peers(raft)) {
    const { id: from, incarnation } = raft.config;
    send(raft, { kind: "recover-request", from, to, incarnation, term: raft.term });
  }
}

export function handleRecoverRequest(raft: Raft, message: RecoverRequest): void {
  if (raft.reign === undefined) return;
  const progress = raft.reign.progress.get(message.from);
  if (progress === undefined) return;
  progress.standing = "recovering";
  if (progress.barrier?.incarnation !== message.incarnation) {
    broadcastRound(raft);
    const { round } = raft.reign;
    progress.barrier = { incarnation: message.incarnation, round, index: raft.log.lastIndex };
  }
  grantBarrier(raft, raft.reign, message.from);
}

/** A round was confirmed: it may be the one that some recovering follower waits for. */
export function grantBarriers(raft: Raft, reign: Reign): void {
  for (const [peer, progress] of reign.progress) {
    if (progress.barrier !== undefined && progress.standing === "recovering") grantBarrier(raft, reign, peer);
  }
}

function grantBarrier(raft: Raft, reign: Reign, to: ReplicaId): void {
  const { barrier } = progressOf(raft, to);
  if (barrier === undefined || raft.commit < reign.firstIndex) return;
  // By a change that is not committed yet "every other" would leave out whom it excludes, and who may still be elected.
  if (raft.log.membersFrom > raft.commit) return;
  let voters = 1;
  let confirmed = 1;
  for (const [peer, progress] of reign.progress) {
    const { voter, round } = progress;
    if (!voter) continue;
    voters++;
    if (peer === to) continue;
    // Also of one that was recovering when it was last heard: it may have recovered since, and stand for election.
    if (round < barrier.round) return;
    if (counts(progress)) confirmed++;
  }
  if (confirmed < majority(voters)) return;
  const { id: from, incarnation } = raft.config;
  send(raft, {
    kind: "recover-grant",
    from,
    to,
    incarnation,
    term: raft.term,
    life: barrier.incarnation,
    index: barrier.index,
  });
}

export function handleRecoverGrant(raft: Raft, message: RecoverGrant): void {
  const { recovery } = raft;
  // A barrier of an older term, or one that an earlier life asked for, proves nothing.
  if (recovery === undefined || message.term < raft.term || message.life !== raft.config.incarnation) return;
  const before = recovery.barrier?.index;
  const index = before !== undefined && before < message.index ? before : message.index;
  recovery.barrier = { index, term: message.term };
}

/** At the end of a step: whether the replica has caught up with its barrier, and may vote and count again. */
export function considerRecovered(raft: Raft): void {
  const { recovery, leader } = raft;
  if (recovery?.barrier === undefined || raft.role !== "follower" || leader === undefined) return;
  const { index } = recovery.barrier;
  if (raft.commit < index || raft.durable < index) return;
  if (!raft.log.isInformedAt(raft.durable)) return;
  if (raft.votedFor === undefined) {
    raft.votedFor = leader;
    raft.hardStateChanged = true;
  }
  if (!isHardStateDurable(raft)) return;
  raft.recovery = undefined;
  raft.effects.push({ kind: "recovered" });
}
