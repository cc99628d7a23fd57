/**
 * The only door into the core: one input in, the effects that follow from it out, in the order in which they must be
 * carried out. Deterministic: the same state, clock, randomness and input give the same effects.
 */
import { assert, present, unreachable } from "../base/assert.ts";
import { raftTimes } from "../base/limits.ts";
import { logIndex } from "../base/units.ts";
import { broadcastRound, feedAll, fetched } from "./appends.ts";
import { changeMembership, considerPromotion } from "./changes.ts";
import { advanceCommit, deliver } from "./commit.ts";
import type { Effect, Input } from "./effect.ts";
import {
  becomeFollower,
  considerElected,
  handleVoteReply,
  handleVoteRequest,
  noteLeader,
  peerGone,
  startElection,
  startPreVote,
} from "./election.ts";
import { acknowledgeLease, endLease, grantLease } from "./leases.ts";
import { voterCount } from "./membership.ts";
import type { Message } from "./message.ts";
import { persisted, restoreLog, writeChanges } from "./persistence.ts";
import { majorityHasRoom, mayAppend, mayCampaign, type Raft, type Reign, send, standingOf } from "./raft.ts";
import { confirmRounds, read } from "./reads.ts";
import { considerRecovered, handleRecoverGrant, handleRecoverRequest, requestBarrier } from "./recovery.ts";
import { handleAccepted, handleAppend, handleHeard, handleRejected, noteIncarnation } from "./replication.ts";
import { completeTransfer, considerTransfer } from "./transfer.ts";

/** `now`: the driver's monotonic clock, milliseconds, never less than at the step before. */
export function step(raft: Raft, now: number, input: Input): readonly Effect[] {
  assert(now >= raft.now, () => `the clock went back from ${raft.now} to ${now}`);
  raft.now = now;
  raft.effects = [];
  dispatch(raft, input);
  considerRecovered(raft);
  tellMembers(raft);
  writeChanges(raft);
  deliver(raft);
  raft.log.trim(raft.durable);
  return raft.effects;
}

function dispatch(raft: Raft, input: Input): void {
  switch (input.kind) {
    case "tick":
      return tick(raft);
    case "message":
      return receive(raft, input.message);
    case "propose":
      return propose(raft, input.payload);
    case "change-membership":
      return changeMembership(raft, input.change);
    case "persisted":
      persisted(raft, input.ticket);
      return considerElected(raft);
    case "fetched":
      return fetched(raft, input.peer, input.from, input.entries);
    case "read":
      return read(raft, input.id);
    case "peer-gone":
      return peerGone(raft, input.peer);
    case "lease":
      return grantLease(raft, input.holder, input.fresh);
    case "lease-acknowledged":
      return acknowledgeLease(raft, input.holder, input.through);
    case "lease-ended":
      return endLease(raft, input.holder);
    case "compacted":
      return raft.log.compact(input.base);
    case "restored":
      // The state may be of a term that this replica has not heard of: no log is of a later term than its replica.
      if (input.base.term > raft.term) becomeFollower(raft, input.base.term, undefined);
      restoreLog(raft, input.base);
      // A log that is begun anew does not say who the members are.
      if (raft.role !== "follower" && !mayCampaign(raft)) becomeFollower(raft, raft.term, undefined);
      return;
    case "state":
      raft.stateful = input.present;
      return;
    case "room":
      raft.room = input.room;
      return;
    default:
      return unreachable(input);
  }
}

function tick(raft: Raft): void {
  if (raft.reign !== undefined) lead(raft, raft.reign);
  else if (raft.recovery !== undefined) requestBarrier(raft, raft.recovery);
  else if (!mayCampaign(raft)) forgetLeader(raft);
  else if (raft.now >= raft.electionAt) startPreVote(raft);
}

/** Who is no voter stands for nothing, but does not go on naming a leader that is heard no more. */
function forgetLeader(raft: Raft): void {
  if (raft.now >= raft.electionAt && raft.leader !== undefined) becomeFollower(raft, raft.term, undefined);
}

function tellMembers(raft: Raft): void {
  const { members } = raft.log;
  if (members === raft.members) return;
  raft.members = members;
  raft.effects.push({ kind: "membership", members });
}

/** A leader's turn of the clock: check-quorum (thesis 6.2), heartbeats, transfer. */
function lead(raft: Raft, reign: Reign): void {
  const alone = voterCount(present(raft.log.members, "a leader knows the members")) === 1;
  if (!alone && raft.now - reign.confirmedAt >= raftTimes.electionTimeoutMinMs) {
    raft.effects.push({ kind: "noted", event: { kind: "quorum-lost", term: raft.term } });
    becomeFollower(raft, raft.term, undefined);
    return;
  }
  if (raft.now >= reign.nextHeartbeatAt) {
    broadcastRound(raft);
    // A group of one confirms its rounds itself.
    confirmRounds(raft);
  }
  considerTransfer(raft, reign);
  considerPromotion(raft, reign);
  // A lease may have ended that commits waited for.
  advanceCommit(raft);
}

function propose(raft: Raft, payload: Uint8Array): void {
  if (!mayAppend(raft) || raft.room !== "open" || !majorityHasRoom(raft)) return;
  assert(payload.length > 0, "an empty payload is the engine's own");
  raft.log.append({ index: logIndex(raft.log.lastIndex + 1), term: raft.term, kind: "command", payload });
  feedAll(raft);
}

function receive(raft: Raft, message: Message): void {
  assert(message.to === raft.config.id, () => `a message for ${message.to} reached ${raft.config.id}`);
  if (!noteIncarnation(raft, message.from, message.incarnation)) return tellOutlived(raft, message);
  switch (message.kind) {
    case "vote-request":
      return handleVoteRequest(raft, message);
    case "vote-reply":
      return handleVoteReply(raft, message);
    case "append":
      if (message.term < raft.term) return refuseStale(raft, message);
      if (message.term > raft.term) becomeFollower(raft, message.term, message.from);
      noteLeader(raft, message.from);
      return handleAppend(raft, message);
    case "heard":
    case "accepted":
    case "rejected":
      if (message.term > raft.term) return becomeFollower(raft, message.term, undefined);
      if (message.term < raft.term || raft.reign === undefined) return;
      // Of one that is no member, or no longer.
      if (!raft.reign.progress.has(message.from)) return;
      if (message.kind === "heard") return handleHeard(raft, message);
      if (message.kind === "rejected") return handleRejected(raft, message);
      handleAccepted(raft, message);
      return raft.reign === undefined ? undefined : completeTransfer(raft, raft.reign);
    case "timeout-now":
      if (message.term !== raft.term || raft.leader !== message.from || !mayCampaign(raft)) return;
      return startElection(raft, true);
    case "outlived":
      if (message.known > raft.config.incarnation)
        raft.effects.push({ kind: "outlived", known: message.known });
      return;
    case "recover-request":
      return handleRecoverRequest(raft, message);
    case "recover-grant":
      if (message.term > raft.term) becomeFollower(raft, message.term, message.from);
      return handleRecoverGrant(raft, message);
    default:
      return unreachable(message);
  }
}

/** Most often a message was only late, and the life that is told so is the newer one, which knows. */
function tellOutlived(raft: Raft, { kind, from: to }: Message): void {
  if (kind === "outlived") return;
  const { id: from, incarnation } = raft.config;
  const known = present(raft.incarnations.get(to), "a life that is newer");
  send(raft, { kind: "outlived", from, to, incarnation, term: raft.term, known });
}

/** A leader of an older term: the higher term in the reply makes it step down. */
function refuseStale(raft: Raft, message: Message & { readonly kind: "append" }): void {
  send(raft, {
    kind: "rejected",
    from: raft.config.id,
    to: message.from,
    incarnation: raft.config.incarnation,
    term: raft.term,
    round: 0,
    standing: standingOf(raft),
    room: raft.room,
    informed: raft.log.isInformedAt(raft.durable),
    prevIndex: message.prevIndex,
    hintIndex: logIndex(0),
    hintTerm: message.prevTerm,
  });
}
