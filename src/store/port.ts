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
 */
import type { Hash128 } from "../base/hash128.ts";
import type { LogIndex, OrderNumber, Position } from "../base/units.ts";
import type { Answer, MarketState, OrderRow, Rows } from "../market/rows.ts";

export interface Stored {
  /** The log index that the state includes; 0 and no state in an empty store. */
  readonly index: LogIndex;
  readonly state: MarketState | undefined;
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
  append(index: LogIndex, rows: Rows): void;

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

  /** Read every row of the durable state and recompute what can be recomputed. Slow; for `check --deep`. */
  digest(): Promise<Digest>;

  close(): Promise<void>;
}
