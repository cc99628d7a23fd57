/**
 * One replica's Raft state (Ongaro & Ousterhout, USENIX ATC 2014; Ongaro's thesis for the chapters named beside the
 * rules). Plain data: the rules are functions over it in the files beside this one, and `step` is their only door.
 */
import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term } from "../base/units.ts";
import type { Effect, HardState } from "./effect.ts";
import type { LogView } from "./log-view.ts";
import type { Message } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Ballot } from "./quorum.ts";

export interface RaftConfig {
  readonly id: ReplicaId;
  /** All voters, this one included. */
  readonly members: readonly ReplicaId[];
  /** Counts this replica's starts. */
  readonly incarnation: number;
  readonly random: Random;
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
  transfer: { readonly to: ReplicaId; readonly until: number; sent: boolean } | undefined;
  nextTransferAt: number;
}

export interface Raft {
  readonly config: RaftConfig;
  /** The driver's monotonic clock at the present step, milliseconds. */
  now: number;
  term: Term;
  votedFor: ReplicaId | undefined;
  role: "follower" | "pre-candidate" | "candidate" | "leader";
  leader: ReplicaId | undefined;
  readonly log: LogView;
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
  reign: Reign | undefined;
  /** A torn tail was cut: what this replica acknowledged may be missing. See `tally`. */
  doubtful: boolean;
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
}

const firstElectionStepMs = 50;

export function createRaft(config: RaftConfig, restored: Restored, now: number): Raft {
  assert(config.members.includes(config.id), "a replica is a member of its group");
  assert(config.incarnation > 0, "starts are counted from 1: 0 is the incarnation that nobody has");
  assert(restored.hardState.term >= restored.log.lastTerm, "a term is durable before its entries");
  // A cut tail may have held what the store applied, and may have replaced entries that are now back in its place.
  const commit = restored.doubtful ? logIndex(0) : restored.commit;
  assert(commit <= restored.log.lastIndex, "the store is not ahead of the log");
  return {
    config,
    now,
    term: restored.hardState.term,
    votedFor: restored.hardState.votedFor,
    role: "follower",
    leader: undefined,
    log: restored.log,
    commit,
    durable: restored.log.lastIndex,
    delivered: commit,
    heardLeaderAt: undefined,
    confirmed: { term: restored.hardState.term, round: 0 },
    // A group that starts together asks in turn, the highest id first: it shall lead, and no vote is split.
    electionAt: now + firstElectionStepMs * config.members.filter((id) => id > config.id).length,
    ballots: new Map(),
    reign: undefined,
    doubtful: restored.doubtful,
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

export function peers(raft: Raft): readonly ReplicaId[] {
  return raft.config.members.filter((id) => id !== raft.config.id);
}

/** Whether a proposal would be appended now: it leads, and is not handing over. */
export function mayAppend(raft: Raft): boolean {
  return raft.reign !== undefined && raft.reign.transfer === undefined;
}

/** Send at once: for what promises nothing. What does goes through `persistence.ts`. */
export function send(raft: Raft, message: Message): void {
  raft.effects.push({ kind: "send", message });
}
