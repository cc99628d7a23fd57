/**
 * The core's two faces: what happens to it (inputs), and what it wants done (effects). It touches no network, no
 * disk and no clock; whoever drives it carries out the effects in order and reports back.
 */
import type { LogIndex, ReplicaId, Term } from "../base/units.ts";
import type { LogBase } from "./log-view.ts";
import type { Change, Membership } from "./membership.ts";
import type { Entry, Message, Room } from "./message.ts";

export type Input =
  /** Time went by. To be called every few milliseconds, and after any pause. */
  | { readonly kind: "tick" }
  | { readonly kind: "message"; readonly message: Message }
  /** A leader that is not handing over appends it; anyone else ignores it (see `mayAppend`). */
  | { readonly kind: "propose"; readonly payload: Uint8Array }
  /** A leader that may begins it; anyone else ignores it (see `changeRefusal`). Learners are promoted without being asked for. */
  | { readonly kind: "change-membership"; readonly change: Change }
  /** Everything up to and with this ticket is durable. Tickets complete in order. */
  | { readonly kind: "persisted"; readonly ticket: number }
  /** What `fetch` asked for: entries from `from` on, as the disk has them. */
  | {
      readonly kind: "fetched";
      readonly peer: ReplicaId;
      readonly from: LogIndex;
      readonly entries: readonly Entry[];
    }
  /** A linearizable read point is wanted. `id` is never used twice. */
  | { readonly kind: "read"; readonly id: number }
  /** The process of this peer is certainly gone: its connection was reset, and a new one refused. */
  | { readonly kind: "peer-gone"; readonly peer: ReplicaId }
  /** Somebody outside the group wants a lease, or to keep it (`fresh`: a number that was never used). */
  | { readonly kind: "lease"; readonly holder: number; readonly fresh: boolean }
  | { readonly kind: "lease-acknowledged"; readonly holder: number; readonly through: LogIndex }
  | { readonly kind: "lease-ended"; readonly holder: number }
  /** The log up to `base` is gone from the disk. Never beyond what is delivered. */
  | { readonly kind: "compacted"; readonly base: LogBase }
  /** A state that includes everything up to `base` is in place, durably, and was committed by the group. */
  | { readonly kind: "restored"; readonly base: LogBase }
  /** Whether the state is there that the log is applied to; at the start as `Restored` says. */
  | { readonly kind: "state"; readonly present: boolean }
  /** At the start it is `open`. */
  | { readonly kind: "room"; readonly room: Room };

/** What must not be forgotten: the term, and who got this replica's vote in it (Raft, figure 2). */
export interface HardState {
  readonly term: Term;
  readonly votedFor: ReplicaId | undefined;
}

export type Effect =
  /** Write durably, then report `persisted`. The entries replace whatever the disk has from the first one's index on. */
  | {
      readonly kind: "persist";
      readonly ticket: number;
      readonly hardState: HardState | undefined;
      readonly entries: readonly Entry[];
    }
  /** The entries from `from` to `to` are gone from this log and were not committed by it: who waits for them waits in vain. */
  | { readonly kind: "truncated"; readonly from: LogIndex; readonly to: LogIndex }
  | { readonly kind: "send"; readonly message: Message }
  /** Write durably that the log is empty behind `base`, in the order of `persist`, and report `persisted`. */
  | {
      readonly kind: "reset";
      readonly ticket: number;
      readonly base: LogBase;
      readonly hardState: HardState;
    }
  /** What is missing here up to this index is in no log any more: a state that includes it is needed. */
  | { readonly kind: "behind"; readonly through: LogIndex }
  /** The holder may rely on its lease for `remainingMs` from now. */
  | { readonly kind: "lease-granted"; readonly holder: number; readonly remainingMs: number }
  | { readonly kind: "lease-refused"; readonly holder: number }
  /** Leadership is about to be handed over: holders should give their leases up. */
  | { readonly kind: "leases-recalled" }
  /** Peers know a later life of this replica, and hear nothing that it says: it must begin one behind that. */
  | { readonly kind: "outlived"; readonly known: number }
  /** A recovering replica counts again: the mark on disk may go. */
  | { readonly kind: "recovered" }
  /** Entries up to here are committed and durable here: hand them out. */
  | { readonly kind: "deliver"; readonly through: LogIndex }
  /** Read entries from disk and report `fetched`. */
  | { readonly kind: "fetch"; readonly peer: ReplicaId; readonly from: LogIndex }
  /** These reads may be served by whoever has applied `index`. */
  | { readonly kind: "read-ready"; readonly ids: readonly number[]; readonly index: LogIndex }
  /** Not, or no longer, the leader: these reads were not confirmed. */
  | { readonly kind: "read-refused"; readonly ids: readonly number[] }
  /** Role, term, leader, or whether it may append has changed. */
  | { readonly kind: "leadership" }
  /** By this replica's log the members are others now; `undefined`: it does not say. */
  | { readonly kind: "membership"; readonly members: Membership | undefined }
  /** The doubt of a cut tail is settled: the mark on disk may go. */
  | { readonly kind: "settled" }
  | { readonly kind: "noted"; readonly event: RaftEvent };

/** What an observer may want to know; nothing depends on it. */
export type RaftEvent =
  | { readonly kind: "vote-granted"; readonly term: Term; readonly to: ReplicaId }
  | { readonly kind: "transfer-started"; readonly to: ReplicaId }
  | { readonly kind: "quorum-lost"; readonly term: Term };
