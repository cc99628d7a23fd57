/**
 * Elections: who leads (§5.2, §5.4.1), with pre-vote and check-quorum (thesis 6.2, 9.6), a preference for the highest
 * id by shorter timeouts (never by refusing a vote), and candidacy on a leader's word (thesis 3.10).
 */
import { assert, present } from "../base/assert.ts";
import { raftTimes } from "../base/limits.ts";
import { logIndex, type ReplicaId, type Term, term } from "../base/units.ts";
import { broadcastRound } from "./appends.ts";
import { advanceCommit } from "./commit.ts";
import { formerLeasesMs, hasDrained } from "./lease-gate.ts";
import { noteDrained } from "./leases.ts";
import { isVoter } from "./membership.ts";
import type { VoteReply, VoteRequest } from "./message.ts";
import { isHardStateDurable, sendAfterHardState } from "./persistence.ts";
import { newProgress } from "./progress.ts";
import { type Ballot, tally } from "./quorum.ts";
import { canServe, mayCampaign, peers, type Raft, send, votersAbove } from "./raft.ts";
import { refuseReads } from "./reads.ts";
import { settle } from "./replication.ts";

/** A group whose leader is certainly gone need not wait: its highest id asks at once, the next a little later. */
const goneStepMs = 20;
/** A pre-vote changes nothing anywhere, so it may be asked again soon: others notice a dead leader a little later. */
const preVoteRetryMs = 50;
const unableMs = 2 * raftTimes.electionTimeoutSpreadMs;

function rank({ log, config }: Raft, without: ReplicaId | undefined): number {
  return votersAbove(log.members, config.id, without);
}

/** Who could not serve lets others go first; if nobody else can win, it leads until it can hand over. */
function reluctanceMs(raft: Raft): number {
  return canServe(raft) ? 0 : unableMs;
}

function resetElectionTimer(raft: Raft): void {
  const spread = raftTimes.electionTimeoutSpreadMs;
  const bias = (rank(raft, undefined) * spread) / 2;
  const timeoutMs = raftTimes.electionTimeoutMinMs + bias + (raft.config.random() * spread) / 2;
  raft.electionAt = raft.now + timeoutMs + reluctanceMs(raft);
}

/** A vote is forgotten only when the term rises, whatever else happens. */
function adoptTerm(raft: Raft, newer: Term): void {
  assert(newer > raft.term, () => `term ${raft.term} cannot become ${newer}`);
  raft.term = newer;
  raft.votedFor = undefined;
  raft.drained = false;
  raft.hardStateChanged = true;
}

export function becomeFollower(raft: Raft, newTerm: Term, leader: ReplicaId | undefined): void {
  const changed = raft.role !== "follower" || raft.term !== newTerm || raft.leader !== leader;
  if (newTerm > raft.term) adoptTerm(raft, newTerm);
  if (raft.reign !== undefined) refuseReads(raft, raft.reign);
  raft.reign = undefined;
  raft.role = "follower";
  raft.leader = leader;
  raft.ballots = new Map();
  if (leader === undefined) raft.heardLeaderAt = undefined;
  if (changed) {
    resetElectionTimer(raft);
    raft.effects.push({ kind: "leadership" });
  }
}

/** The present leader was heard. */
export function noteLeader(raft: Raft, leader: ReplicaId): void {
  assert(raft.role !== "leader", () => `two leaders in term ${raft.term}: ${raft.config.id} and ${leader}`);
  if (raft.role !== "follower" || raft.leader !== leader) becomeFollower(raft, raft.term, leader);
  raft.heardLeaderAt = raft.now;
  resetElectionTimer(raft);
}

/** Ask whether an election could be won, without disturbing anyone (PreVote). */
export function startPreVote(raft: Raft): void {
  const changed = raft.role !== "pre-candidate" || raft.leader !== undefined;
  raft.role = "pre-candidate";
  raft.leader = undefined;
  raft.heardLeaderAt = undefined;
  raft.electionAt = raft.now + preVoteRetryMs * (1 + raft.config.random());
  if (changed) raft.effects.push({ kind: "leadership" });
  ask(raft, true, false);
}

/** Stand for election in a new term. `transfer`: at the present leader's request. */
export function startElection(raft: Raft, transfer: boolean): void {
  adoptTerm(raft, term(raft.term + 1));
  raft.votedFor = raft.config.id;
  raft.role = "candidate";
  raft.leader = undefined;
  raft.heardLeaderAt = undefined;
  resetElectionTimer(raft);
  raft.effects.push({ kind: "leadership" });
  ask(raft, false, transfer);
}

function ask(raft: Raft, pre: boolean, transfer: boolean): void {
  raft.ballots = new Map([[raft.config.id, { granted: true, doubtful: raft.doubtful }]]);
  for (const to of peers(raft)) {
    if (!isVoter(raft.log.members, to)) continue;
    const request = {
      kind: "vote-request",
      from: raft.config.id,
      to,
      incarnation: raft.config.incarnation,
      term: pre ? term(raft.term + 1) : raft.term,
      pre,
      lastIndex: raft.log.lastIndex,
      lastTerm: raft.log.lastTerm,
      transfer,
    } as const;
    // The candidate's own vote must be durable before another's can complete a majority with it.
    if (pre) send(raft, request);
    else sendAfterHardState(raft, request);
  }
  decide(raft);
}

/** A candidate's own vote is durable: where it is the only voter, that decides. */
export function considerElected(raft: Raft): void {
  if (raft.role === "candidate") decide(raft);
}

function decide(raft: Raft): void {
  // Of a term that is not durable nobody must hear, learners neither: it may begin anew after a crash.
  if (raft.role === "candidate" && !isHardStateDurable(raft)) return;
  const result = tally(raft.ballots, present(raft.log.members, "a candidate knows the members"));
  if (result === "open") return;
  if (result === "lost") becomeFollower(raft, raft.term, undefined);
  else if (raft.role === "pre-candidate") startElection(raft, false);
  else becomeLeader(raft);
}

function becomeLeader(raft: Raft): void {
  assert(raft.role === "candidate", () => `a ${raft.role} cannot win`);
  assert(mayCampaign(raft), "a leader is a voter of its own log");
  const last = raft.log.lastIndex;
  const firstIndex = logIndex(last + 1);
  raft.role = "leader";
  raft.leader = raft.config.id;
  raft.reign = {
    progress: new Map(
      peers(raft).map((peer) => [peer, newProgress(last, raft.now, isVoter(raft.log.members, peer))]),
    ),
    round: 0,
    roundsSent: [],
    confirmedRound: 0,
    confirmedAt: raft.now,
    nextHeartbeatAt: raft.now,
    readsInRound: undefined,
    readsWaiting: [],
    firstIndex,
    transfer: undefined,
    nextTransferAt: raft.now + raftTimes.transferCooldownMs,
    nextTryAt: raft.now,
    leases: new Map(),
    commitsFrom: raft.now + (raft.drained ? 0 : formerLeasesMs(raft)),
  };
  raft.log.append({ index: firstIndex, term: raft.term, kind: "command", payload: new Uint8Array(0) });
  // A doubtful winner won without its own vote, or with every member's: nobody holds a committed entry that it lacks.
  settle(raft);
  raft.effects.push({ kind: "leadership" });
  broadcastRound(raft);
  advanceCommit(raft);
}

/** Whether a leader is alive as far as this replica knows: then nobody else's ambition matters (thesis 6.2). */
function hearsLeader(raft: Raft): boolean {
  const since = raft.reign === undefined ? raft.heardLeaderAt : raft.reign.confirmedAt;
  return since !== undefined && raft.now - since < raftTimes.electionTimeoutMinMs;
}

/**
 * A request for a vote of any term. A vote request of a newer term is adopted here and nowhere before. Who asks need be no
 * member that this replica knows of, nor it a voter: either may stand in an entry that it does not have yet.
 */
export function handleVoteRequest(raft: Raft, message: VoteRequest): void {
  // It may have voted in that term in a life that it has forgotten.
  if (raft.recovery !== undefined) return;
  if (!message.transfer && hearsLeader(raft)) return;
  const drained = !message.pre && hasDrained(raft, message.term);
  if (!message.pre && message.term > raft.term) becomeFollower(raft, message.term, undefined);
  const free = message.pre
    ? message.term > raft.term
    : message.term === raft.term && (raft.votedFor === undefined || raft.votedFor === message.from);
  const granted = free && raft.log.isNoNewerThan(message.lastIndex, message.lastTerm);
  const reply = {
    kind: "vote-reply",
    from: raft.config.id,
    to: message.from,
    incarnation: raft.config.incarnation,
    term: granted ? message.term : raft.term,
    pre: message.pre,
    granted,
    doubtful: raft.doubtful,
    drained,
  } as const;
  if (message.pre || !granted) {
    send(raft, reply);
    return;
  }
  if (raft.votedFor === undefined) {
    raft.votedFor = message.from;
    raft.hardStateChanged = true;
    resetElectionTimer(raft);
    raft.effects.push({ kind: "noted", event: { kind: "vote-granted", term: raft.term, to: message.from } });
  }
  sendAfterHardState(raft, reply);
}

/** A reply to a request of this replica. */
export function handleVoteReply(raft: Raft, message: VoteReply): void {
  if (!message.granted && message.term > raft.term) {
    becomeFollower(raft, message.term, undefined);
    return;
  }
  if (message.granted && message.drained && message.term === raft.term) {
    raft.drained = true;
    // A vote that the majority did not need any more may bring the news all the same.
    if (raft.reign !== undefined) noteDrained(raft, raft.reign);
  }
  const asked = message.pre ? "pre-candidate" : "candidate";
  const expected = message.granted && message.pre ? raft.term + 1 : raft.term;
  if (raft.role !== asked || message.term !== expected) return;
  const ballot: Ballot = { granted: message.granted, doubtful: message.doubtful };
  raft.ballots.set(message.from, ballot);
  decide(raft);
}

/** The process of the leader is gone for certain: waiting for a timeout would gain nothing. */
export function peerGone(raft: Raft, peer: ReplicaId): void {
  if (raft.leader !== peer || raft.role === "leader") return;
  const without = raft.leader;
  becomeFollower(raft, raft.term, undefined);
  const waitMs = goneStepMs * (rank(raft, without) + raft.config.random());
  raft.electionAt = raft.now + waitMs + reluctanceMs(raft);
}
