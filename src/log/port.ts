/**
 * The replicated log as the order service sees it: a totally ordered, durable list of opaque entries that a group of
 * processes agrees on. The idea is the shared log of Delos (Balakrishnan et al., OSDI 2020): who stands above it
 * knows indexes, fences, barriers and leadership, and nothing of the engine.
 *
 * The contract, which every adapter proves by the one conformance suite in `conformance.ts`:
 *
 * 1. *Agreement*: no two members are ever given different entries at the same index.
 * 2. *Order*: a member is given indexes without a gap, each once per `committed` call.
 * 3. *Durability*: an entry that was given to anyone survives the crash of every member.
 * 4. *Fencing*: `append` under a fence that is no longer this member's own leadership appends nothing.
 * 5. *Barrier*: every entry that any member was given before `barrier()` was called has an index of at most the
 *    one it returns; and so has every entry of an earlier term that anyone will ever be given.
 * 6. *Leases*: while a lease is live, no entry that was appended after it was granted is given to anyone before the
 *    holder has acknowledged it; not by a later leader either.
 */
import type { LogIndex, ReplicaId, Term } from "../base/units.ts";

export interface CommittedEntry {
  readonly index: LogIndex;
  readonly term: Term;
  /** An empty payload is the engine's own entry and means nothing to the reader. */
  readonly payload: Uint8Array;
  /**
   * What this member passed to the `append` that made this entry, if it did and has not restarted since. It comes
   * once: to the first reader that is given the entry.
   */
  readonly token: number | undefined;
}

export interface Leadership {
  readonly term: Term;
  /** Who leads, as far as this member knows. */
  readonly leader: ReplicaId | undefined;
  /** Whether this member leads *and may append*. */
  readonly leading: boolean;
}

/**
 * Leases of those outside the group who keep what they read. A holder is like one more voter, until its lease is over:
 * an entry is committed when a majority holds it *and* every live lease has acknowledged it. Only the leader grants
 * leases, and what it grants ends before a later leader commits anything.
 */
export interface Leases {
  /**
   * Grant or prolong. `fresh`: a new holder, whose number was never used before; it need not acknowledge what was
   * appended before. Otherwise it must be live still. Returns for how many milliseconds from now the holder may rely on
   * it; `undefined`: it cannot be granted, and a holder that was not fresh is none any more.
   */
  grant(holder: number, fresh: boolean): number | undefined;
  /** The holder has carried out everything up to here. */
  acknowledge(holder: number, through: LogIndex): void;
  /** The holder has given its lease up. */
  end(holder: number): void;
  /** Called when leadership is about to be handed over: every holder should give up its lease. One listener. */
  onRecall(listener: () => void): void;
}

export interface ReplicatedLog {
  readonly leadership: Leadership;
  readonly leases: Leases;

  /** The index up to which this member knows the log to be committed. */
  readonly commitIndex: LogIndex;

  /** Called at every change of `leadership`, in order. One listener. */
  onLeadership(listener: (leadership: Leadership) => void): void;

  /**
   * Add one entry. Returns its index at once; the entry shows up in `committed` with `token`, or never. If leadership changes
   * first, its fate is unknown to the caller (*indefinite*).
   *
   * Throws `OperatingFailure`, always definite: `not-leader` if `fence` is not the term of this member's present
   * leadership, `unavailable` if too much waits to be committed, or is committed and not yet read here.
   */
  append(payload: Uint8Array, fence: Term, token: number): LogIndex;

  /**
   * A linearizable read point: whoever has applied the index that it returns has seen everything that anyone was
   * told before the call. Rejects with a definite `OperatingFailure`: `not-leader`, or `unavailable` without a
   * majority.
   */
  barrier(): Promise<LogIndex>;

  /**
   * Committed entries behind `after`, in batches as they come, without end until `close`, or until the member is
   * `behind`. The reader's pace is the pace: nothing is read ahead of it but what one batch holds. A member has one
   * reader at a time.
   */
  committed(after: LogIndex): AsyncIterable<readonly CommittedEntry[]>;

  /**
   * Set when the entries that this member lacks are in no log any more: a state that includes this index, or a later
   * one, must be copied from another member, and then be told with `restore`.
   */
  readonly behind: LogIndex | undefined;

  /** The reader's state is now that after the entry at `index`, of `term`, durably: the log goes on from there. */
  restore(index: LogIndex, term: Term): Promise<void>;

  /** The reader's state up to here is durable: as much of the log as is not kept for others may go. */
  compact(through: LogIndex): void;

  close(): Promise<void>;
}
