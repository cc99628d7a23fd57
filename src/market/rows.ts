/**
 * The market's state as rows: what `apply` hands to the store, what the store gives back at a start, and what the
 * state hash is a sum over (items, orders, answers in their canonical encoding, see `codec.ts`).
 */
import type { Hash128 } from "../base/hash128.ts";
import type { ItemId, OrderNumber, Position, SessionId, Ticks } from "../base/units.ts";
import type { RequestId } from "./command.ts";
import type { MarketDefinition, Side } from "./definition.ts";
import type { Reply } from "./reply.ts";

export interface ItemRow {
  readonly id: ItemId;
  /** The canonical spelling. */
  readonly name: string;
  readonly title?: string;
  readonly topic?: string;
  readonly priceMinor: number;
  readonly quantity: number;
  /** Units traded so far, both sides. */
  readonly volume: number;
  /**
   * Units that came in other than by a trade: its first quantity and every restock since. At any position
   * quantity = supplied − bought + sold, which is how a check recomputes the stock from the orders alone.
   */
  readonly supplied: number;
  /** The position of its last change. */
  readonly changed: Position;
}

export interface OrderLine {
  readonly id: ItemId;
  /** As the caller spelt it; the canonical name if the caller gave an id. */
  readonly name: string;
  readonly quantity: number;
  /** Per unit, when the order was applied. */
  readonly priceMinor: number;
}

export interface OrderRow {
  readonly number: OrderNumber;
  readonly position: Position;
  readonly side: Side;
  readonly status: "filled" | "cancelled";
  readonly shape: "single" | "lines";
  readonly lines: readonly OrderLine[];
  readonly totalMinor: number;
  readonly reference?: string;
  readonly customer?: string;
  /** Unix milliseconds by the leader's wall clock. */
  readonly at: number;
}

/** How a remembered request ended: its order, or for all else the reply itself. */
export type Outcome =
  | { readonly kind: "order"; readonly number: OrderNumber }
  | { readonly kind: "reply"; readonly reply: Extract<Reply, { kind: "refused" | "item-added" }> };

/** A remembered request. */
export interface Answer {
  readonly id: RequestId;
  /** The hash of the command's canonical body: another body under the same id is refused. */
  readonly body: Hash128;
  readonly tick: Ticks;
  readonly position: Position;
  readonly outcome: Outcome;
}

/** A front-end's session; its open answers are rows of their own. */
export interface SessionRow {
  readonly session: SessionId;
  /** Every sequence below it is over, but those in `open`. */
  readonly below: number;
  readonly open: readonly number[];
  /** When it was last used: an idle session is forgotten after the answers' lifetime. */
  readonly tick: Ticks;
}

/** All of the state that is not a table. */
export interface Counters {
  readonly position: Position;
  readonly ticks: Ticks;
  readonly nextOrder: OrderNumber;
  readonly nextItem: ItemId;
  /** The state hash at `position`. */
  readonly hash: Hash128;
  /** The last published state hashes, ascending by position. */
  readonly hashes: readonly PublishedHash[];
}

export interface PublishedHash {
  readonly position: Position;
  readonly hash: Hash128;
}

/** The net effect of one entry. A row that came and went inside the entry is in none of the lists. */
export interface Rows {
  /** Only in the entry that founds the market. */
  readonly definition?: MarketDefinition;
  /** Each changed item once, as it is after the entry. */
  readonly items: readonly ItemRow[];
  readonly orders: readonly OrderRow[];
  readonly answers: readonly Answer[];
  /** Session answers that were acknowledged. */
  readonly forgotten: readonly { readonly session: SessionId; readonly sequence: number }[];
  readonly sessions: readonly SessionRow[];
  readonly closedSessions: readonly SessionId[];
  readonly counters: Counters;
}

/** Everything that a market needs to go on from `counters.position`; orders and key answers stay in the store. */
export interface MarketState {
  readonly definition: MarketDefinition;
  readonly items: readonly ItemRow[];
  readonly sessions: readonly SessionRow[];
  readonly sessionAnswers: readonly Answer[];
  readonly counters: Counters;
}
