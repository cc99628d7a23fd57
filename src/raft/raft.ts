/**
 * One replica's Raft state (Ongaro & Ousterhout, USENIX ATC 2014; Ongaro's thesis for the chapters named beside the
 * rules). Plain data: the rules are functions over it in the files beside this one, and `step` is their only door.
 */
import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term } from "../base/units.ts";
import type { Effect, HardState } from "./effect.ts";
import type { Lease } from "./lease-gate.ts";
import type { LogView } from "./log-view.ts";
import { isVoter, type Membership } from "./membership.ts";
import type { Message, Room, Standing } from "./message.ts";
import type { Progress } from "./progress.ts";
import { type Ballot, majority } from "./quorum.ts";
import type { Recovery } from "./recovery.ts";

export interface RaftConfig {
  readonly id: ReplicaId;
  /** Whom it asks while its log does not say who the members are. */
  readonly known: readonly ReplicaId[];
  /** Counts this replica's starts. */
  readonly incarnation: number;
  readonly random: Random;
  /** The longest that a lease can last, milliseconds; 0 where nobody holds one. */
  readonly leaseMs: number;
}

/** A write that is under way, and up to where it makes the log durable; less when its entries are replaced. */
interface Write {
  readonly ticket: number;
  lastIndex: LogIndex;
}

/** A message that promises something, and the write that must be durable before it may leave. */
interface Held {
  readonly ticket: number;
  readonly message: Message;
}

/**
 * Handing leadership over. First leases are drained, while the leader goes on; then it appends nothing more, and tells
 * its heir to campaign once that one has everything.
 */
interface Transfer {
  readonly to: ReplicaId;
  stage: "draining" | "catching-up" | "told";
  until: number;
}

/** The part of the state that only a leader has. */
export interface Reign {
  readonly progress: Map<ReplicaId, Progress>;
  /** Rounds of appends are numbered; a round that a majority confirmed proves leadership when it was *sent*. */
  round: number;
  roundsSent: { readonly round: number; readonly at: number }[];
  confirmedRound: number;
  /** When the newest confirmed round was sent. */
  confirmedAt: number;
  nextHeartbeatAt: number;
  /** Reads that wait for the round under way, and those for the next. */
  readsInRound: { readonly ids: number[]; readonly index: LogIndex; readonly round: number } | undefined;
  readsWaiting: number[];
  /** The index of the entry that began this term. */
  readonly firstIndex: LogIndex;
  transfer: Transfer | undefined;
  nextTransferAt: number;
  /** The same for a leader that could not serve. */
  nextTryAt: number;
  /** Leases by holder, and from when on those of former leaders are over (leases.ts). */
  readonly leases: Map<number, Lease>;
  commitsFrom: number;
}

export interface Raft {
  readonly config: RaftConfig;
  /** The driver's monotonic clock at the present step, milliseconds. */
  now: number;
  term: Term;
  votedFor: ReplicaId | undefined;
  role: "follower" | "pre-candidate" | "candidate" | "leader";
  leader: ReplicaId | undefined;
  /** Also says who the members are. */
  readonly log: LogView;
  /** Who they were at the end of the last step. */
  members: Membership | undefined;
  /** Known to be committed. Never falls. */
  commit: LogIndex;
  /** Everything up to here is durable here. */
  durable: LogIndex;
  /** Handed out; the smaller of the two above, as of the last step. */
  delivered: LogIndex;

  /** When the leader was last heard; `undefined`: it is gone. */
  heardLeaderAt: number | undefined;
  /** The newest round of a leader's that was confirmed before its entries were durable. */
  confirmed: { readonly term: Term; readonly round: number };
  electionAt: number;
  ballots: Map<ReplicaId, Ballot>;
  /** In this term's election the leader of the term before has said that no lease is live. */
  drained: boolean;
  reign: Reign | undefined;
  /** A torn tail was cut: what this replica acknowledged may be missing. See `tally`. */
  doubtful: boolean;
  /** Set while this replica counts in no majority (recovery.ts). */
  recovery: Recovery | undefined;
  /** Whether the state is there to which the log is applied. */
  stateful: boolean;
  room: Room;
  /** The newest incarnation seen of each peer. */
  readonly incarnations: Map<ReplicaId, number>;

  /** Persistence: what this step changed, the writes under way, and what waits for them. */
  hardStateChanged: boolean;
  unwritten: LogIndex;
  lastTicket: number;
  hardStateTicket: number;
  persistedTicket: number;
  readonly writes: Write[];
  held: Held[];

  effects: Effect[];
}

export interface Restored {
  readonly hardState: HardState;
  readonly log: LogView;
  /** Known to have been committed before the start: what the store has applied. Says nothing of a doubtful log. */
  readonly commit: LogIndex;
  /** A torn tail was cut, at this start or earlier, and the doubt is not settled. */
  readonly doubtful: boolean;
  /** The disk was lost or is damaged: what this replica promised before is not known. */
  readonly recovering: boolean;
  /** Whether the state is there that includes everything up to `commit`. */
  readonly stateful: boolean;
}

const firstElectionStepMs = 50;

export function createRaft(config: RaftConfig, restored: Restored, now: number): Raft {
  assert(config.incarnation > 0, "starts are counted from 1: 0 is the incarnation that nobody has");
  assert(restored.hardState.term >= restored.log.lastTerm, "a term is durable before its entries");
  // A cut tail may have held what the store applied, and may have replaced entries that are now back in its place.
  const applied = restored.doubtful ? 0 : restored.commit;
  const commit = logIndex(Math.max(applied, restored.log.base.index));
  assert(commit <= restored.log.lastIndex, "the store is not ahead of the log");
  return {
    config,
    now,
    term: restored.hardState.term,
    votedFor: restored.hardState.votedFor,
    role: "follower",
    leader: undefined,
    log: restored.log,
    members: restored.log.members,
    commit,
    durable: restored.log.lastIndex,
    delivered: commit,
    heardLeaderAt: undefined,
    confirmed: { term: restored.hardState.term, round: 0 },
    // A group that starts together asks in turn, the highest id first: it shall lead, and no vote is split.
    electionAt: now + firstElectionStepMs * votersAbove(restored.log.members, config.id, undefined),
    ballots: new Map(),
    drained: false,
    reign: undefined,
    doubtful: restored.doubtful,
    recovery: restored.recovering ? { barrier: undefined, nextRequestAt: now } : undefined,
    stateful: restored.stateful,
    room: "open",
    incarnations: new Map(),
    hardStateChanged: false,
    unwritten: logIndex(restored.log.lastIndex + 1),
    lastTicket: 0,
    hardStateTicket: 0,
    persistedTicket: 0,
    writes: [],
    held: [],
    effects: [],
  };
}

/** All other members, as far as the log says; otherwise whoever is known. */
export function peers({ config, log }: Raft): readonly ReplicaId[] {
  const ids = log.members?.map(({ id }) => id) ?? config.known;
  return ids.filter((id) => id !== config.id);
}

/** How many voters have a higher id: 0 for the highest other than `without`, 1 for the next, … */
export function votersAbove(
  members: Membership | undefined,
  id: ReplicaId,
  without: ReplicaId | undefined,
): number {
  return members?.filter((each) => each.role === "voter" && each.id > id && each.id !== without).length ?? 0;
}

/** Whether it may lead: by its own log, to the last entry, it is a voter, and it has not forgotten what it promised. */
export function mayCampaign({ config, log, recovery }: Raft): boolean {
  return recovery === undefined && isVoter(log.members, config.id);
}

/** Whether a proposal would be appended now, if there is room for it: it leads, and is not handing over. */
export function mayAppend({ reign }: Raft): boolean {
  return reign !== undefined && (reign.transfer === undefined || reign.transfer.stage === "draining");
}

/** Whether it could serve as leader: the state is there, and room for entries. */
export function canServe({ stateful, room }: Raft): boolean {
  return stateful && room === "open";
}

/** Whether a majority's disks have room: a leader begins nothing that could not be committed. */
export function majorityHasRoom({ room, reign }: Raft): boolean {
  let voters = 1;
  let roomy = room === "open" ? 1 : 0;
  for (const progress of reign?.progress.values() ?? []) {
    if (!progress.voter) continue;
    voters++;
    if (progress.room === "open") roomy++;
  }
  return roomy >= majority(voters);
}

export function standingOf(raft: Raft): Standing {
  if (raft.recovery !== undefined) return "recovering";
  return raft.stateful ? "able" : "stateless";
}

/** Send at once: for what promises nothing. What does goes through `persistence.ts`. */
export function send(raft: Raft, message: Message): void {
  raft.effects.push({ kind: "send", message });
}
