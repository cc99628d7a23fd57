/**
 * Where a replica's rows live. The store trails the log: what it holds is always the state at some index, all of it
 * written in one transaction, and a restart replays the log from there.
 *
 * The contract, which every adapter proves by the one conformance suite in `conformance.ts`:
 *
 * 1. `append` is immediate in memory: every read that begins after it sees its rows, written out or not.
 * 2. Rows, counters and index share a transaction: after a crash `load` gives exactly the state after some appended
 *    entry, never less than the last one that `flushed` named.
 * 3. Orders and answers are only ever added; items and sessions are replaced.
 * 4. What `freeze` shows is the state at one index, whatever is appended meanwhile; what `copy` was given is the state
 *    only once it is installed, and a copy that broke off is gone on with where it stopped, also after a restart.
 */
import type { Hash128 } from "../base/hash128.ts";
import type { LogIndex, OrderNumber, Position, Term } from "../base/units.ts";
import type { Answer, MarketState, OrderRow, Rows } from "../market/rows.ts";

export interface Stored {
  /** The log index that the state includes; 0 and no state in an empty store. */
  readonly index: LogIndex;
  /** Of the entry at `index`; 0 in an empty store. */
  readonly term: Term;
  readonly state: MarketState | undefined;
  /** A copy was begun and is not installed: nothing may be appended before it is. */
  readonly copying: boolean;
}

/**
 * The whole state at one index, to be copied by another replica while this one goes on. Small things come at once;
 * orders and answers of client keys, which only ever grow, in ranges: in `rows` their count, then each in the market's
 * encoding, about `maxBytes` of them but at least one; none are left if the count is 0.
 */
export interface Frozen {
  readonly index: LogIndex;
  readonly term: Term;
  readonly state: MarketState;
  /** Ascending by number, from `from` on. */
  orders(from: OrderNumber, maxBytes: number): Promise<Uint8Array>;
  /** Ascending by position, behind `after`. Answers of sessions are in `state`. */
  answers(after: Position, maxBytes: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A copy of another replica's state, under way. What the store has already, of orders and answers, is kept. */
export interface Copy {
  /** The first order that is missing. */
  readonly nextOrder: OrderNumber;
  /** Answers of client keys up to here are not missing. */
  readonly answersThrough: Position;
  /**
   * `rows` as `Frozen` gave them, from `nextOrder` on, from behind `answersThrough` on; durable when it resolves. Rejects
   * with `OperatingFailure("wrong-data")`, and keeps none of them, if they are malformed or do not follow.
   */
  addOrders(rows: Uint8Array): Promise<void>;
  addAnswers(rows: Uint8Array): Promise<void>;
  /**
   * All is there: from here on the store holds the state at `index`. Durable when it resolves. What was copied beyond
   * that state, from a newer one, is taken away. Rejects with `OperatingFailure("wrong-data")` if the state is older
   * than the store's own, if orders are missing, or if the rows do not make up the state's hash; in the last case
   * all that was copied is gone, and the copy begins again at `nextOrder` and `answersThrough`.
   */
  install(index: LogIndex, term: Term, state: MarketState): Promise<void>;
}

/** All given conditions must hold. Newest first. */
export interface OrderFilter {
  /** Orders that have a line of this item. */
  readonly item?: number;
  readonly customer?: string;
  readonly reference?: string;
  /** Order numbers above, below (both exclusive). */
  readonly after?: OrderNumber;
  readonly before?: OrderNumber;
  readonly limit: number;
}

/** What `digest` recomputed from the rows themselves. */
export interface Digest {
  readonly position: Position;
  /** The state hash as the store has it written down. */
  readonly stored: Hash128;
  /** The state hash recomputed from every row. */
  readonly computed: Hash128;
  readonly orders: number;
  /** The first things that are wrong, in words: P3's sums, gaps in order numbers. Empty if none. */
  readonly problems: readonly string[];
}

export interface Store {
  load(): Promise<Stored>;

  /**
   * The state after the entry at `index`; indexes ascend, and one that is left out changed nothing. Never blocks:
   * see `room`.
   */
  append(index: LogIndex, term: Term, rows: Rows): void;

  /** Resolves when less than the store's bound waits to be written: whoever applies awaits it before going on. */
  room(): Promise<void>;

  /** The last index that is durable. */
  readonly flushed: LogIndex;

  /** Resolves when everything appended before the call is durable. */
  flush(): Promise<void>;

  order(number: OrderNumber): Promise<OrderRow | undefined>;
  orders(filter: OrderFilter): Promise<readonly OrderRow[]>;

  /**
   * The remembered answers of these client keys, in the order asked; the newest one of a key that was answered again
   * after its lifetime. Complete for everything appended before the
   * call.
   */
  answers(keys: readonly Hash128[]): Promise<readonly (Answer | undefined)[]>;

  /**
   * What is durable now, all that was appended before the call included. Rejects with `OperatingFailure("unavailable")`
   * if the store is empty or itself being copied, or if it cannot hold one more. The caller closes it; if it does not
   * ask for long, it may be closed for it, and then says `unavailable`.
   */
  freeze(): Promise<Frozen>;

  /** Begin a copy, or go on with the one that broke off. Nothing is appended from here until it is installed. */
  copy(): Promise<Copy>;

  /**
   * Read every row of the durable state and recompute what can be recomputed. Slow; for `check --deep`. An empty store,
   * and one that is being copied, have no digest: `OperatingFailure("unavailable")`.
   */
  digest(): Promise<Digest>;

  close(): Promise<void>;
}
