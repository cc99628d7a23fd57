/**
 * What replicas say to each other. One kind a purpose, no optional fields that mean something only sometimes.
 *
 * Every message names its sender's *incarnation*, which counts the sender's starts: a replica that crashed may have
 * lost what it said it had, so nothing of an older life counts once the new one is known.
 */
import type { LogIndex, ReplicaId, Term } from "../base/units.ts";

export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  /** `membership`: the payload says who the members are from here on (membership.ts). */
  readonly kind: "command" | "membership";
  /** Empty for the entry with which a leader begins its term. */
  readonly payload: Uint8Array;
}

interface Envelope {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly incarnation: number;
  readonly term: Term;
}

/** RequestVote (Raft §5.2, figure 2), and PreVote (thesis 9.6), in which `term` is only what it would be. */
export interface VoteRequest extends Envelope {
  readonly kind: "vote-request";
  readonly pre: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The leader asked for this election: a voter that hears that leader votes all the same (thesis 3.10). */
  readonly transfer: boolean;
}

export interface VoteReply extends Envelope {
  readonly kind: "vote-reply";
  readonly pre: boolean;
  readonly granted: boolean;
  /** The voter cut a torn tail: its vote counts only if every voter grants one. */
  readonly doubtful: boolean;
  /** The voter led the term just before, and no lease is live any more: the winner need not wait (leases.ts). */
  readonly drained: boolean;
}

/** AppendEntries (§5.3). Without entries it is a heartbeat, and finds a gap as well as any other. */
export interface Append extends Envelope {
  readonly kind: "append";
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
  /** The leader's log begins behind it: a follower that lacks it needs a state, not entries. */
  readonly base: LogIndex;
  /** Comes back in the reply: which round of the leader's it confirms (thesis 6.4). */
  readonly round: number;
  /** The receiver's incarnation that the leader knows to hold everything it may have acknowledged before; 0: none. */
  readonly vouched: number;
}

/**
 * What a follower is good for. `able`: anything. `stateless`: it votes and counts, but the state to which its log would
 * be applied is not there (yet), so it should not lead. `recovering`: it counts in no majority (recovery.ts).
 */
export type Standing = "able" | "stateless" | "recovering";

/**
 * How much room a disk has for entries. `open`: all there is need for. `reserve`: nothing new should be begun, but what a
 * leader sends is taken, so that the group gets out of it. `none`: not even that.
 */
export type Room = "open" | "reserve" | "none";

interface Reply extends Envelope {
  readonly round: number;
  readonly standing: Standing;
  readonly room: Room;
  /** Whether what it holds, durably, says who the members are. If not, it counts in no majority. */
  readonly informed: boolean;
}

/** The follower is of the leader's term; of its log this says nothing yet, because the disk is still writing. */
export interface Heard extends Reply {
  readonly kind: "heard";
}

export interface Accepted extends Reply {
  readonly kind: "accepted";
  /** The follower holds, durably, what the leader sent up to here: never more than was in that message. */
  readonly match: LogIndex;
}

export interface Rejected extends Reply {
  readonly kind: "rejected";
  /** The `prevIndex` that did not match. */
  readonly prevIndex: LogIndex;
  /** Where the two logs may still agree: the follower's last entry at or before it with no newer term than asked. */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

/** TimeoutNow (thesis 3.10): the receiver is up to date; it campaigns at once. */
export interface TimeoutNow extends Envelope {
  readonly kind: "timeout-now";
}

/** A recovering replica, to everyone: it wants a barrier that every other member has confirmed (recovery.ts). */
export interface RecoverRequest extends Envelope {
  readonly kind: "recover-request";
}

export interface RecoverGrant extends Envelope {
  readonly kind: "recover-grant";
  /** The incarnation that asked. */
  readonly life: number;
  /** The leader's last index when the round began that all others have confirmed. */
  readonly index: LogIndex;
}

/**
 * What the receiver said was of an older life than this: it lost count of its lives, and nobody hears it until it begins a
 * later one.
 */
export interface Outlived extends Envelope {
  readonly kind: "outlived";
  /** The newest life of the receiver that the sender knows. */
  readonly known: number;
}

export type Message =
  | VoteRequest
  | VoteReply
  | Append
  | Heard
  | Accepted
  | Rejected
  | TimeoutNow
  | RecoverRequest
  | RecoverGrant
  | Outlived;
