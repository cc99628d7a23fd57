/**
 * What can be asked of the market. Every change is one command at one position of one totally ordered log.
 */
import type { Hash128 } from "../base/hash128.ts";
import type { ItemId, SessionId } from "../base/units.ts";
import type { ItemDefinition, MarketDefinition, Side } from "./definition.ts";

/**
 * What makes a request recognisable when it comes again.
 *
 * A *session* id is a front-end's own: sequences count up within a session, answers are kept in memory until the
 * front-end acknowledges them. A *key* is the hash of what a client sent as `Idempotency-Key` (in a batch of
 * `<key>/<i>`); its answer is kept on disk for 30 days of ticks.
 */
export type RequestId =
  | { readonly kind: "session"; readonly session: SessionId; readonly sequence: number }
  | { readonly kind: "key"; readonly key: Hash128 };

/** An item as the caller spelt it; the spelling is kept in the order. */
export type ItemReference =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "id"; readonly id: ItemId };

export interface LineRequest {
  readonly item: ItemReference;
  readonly quantity: number;
  /** The price guard: the most a buyer pays, the least a seller takes, per unit. */
  readonly limitMinor?: number;
}

/** All lines or none. */
export interface PlaceCommand {
  readonly kind: "place";
  readonly id: RequestId;
  readonly side: Side;
  /** Whether the caller named one item at the top or a list of lines: the answer takes the same shape. */
  readonly shape: "single" | "lines";
  readonly lines: readonly LineRequest[];
  readonly reference?: string;
  readonly customer?: string;
}

export interface AddItemCommand {
  readonly kind: "add-item";
  readonly id: RequestId;
  readonly item: ItemDefinition;
}

/** The first command of every log, and of no other place in it. */
export interface FoundCommand {
  readonly kind: "found";
  readonly definition: MarketDefinition;
}

/** A front-end begins; the session's id is this command's position. */
export interface OpenSessionCommand {
  readonly kind: "open-session";
}

/**
 * The front-end has delivered every answer below `below` but those of `open`, which stay answerable: their clients
 * were told "outcome unknown" and may come back.
 */
export interface AcknowledgeCommand {
  readonly kind: "acknowledge";
  readonly session: SessionId;
  readonly below: number;
  /** Ascending, all below `below`. */
  readonly open: readonly number[];
}

/** One second of the leader's monotonic clock went by. */
export interface TickCommand {
  readonly kind: "tick";
}

export type Command =
  | PlaceCommand
  | AddItemCommand
  | FoundCommand
  | OpenSessionCommand
  | AcknowledgeCommand
  | TickCommand;

/** The commands whose answers are remembered. */
export type IdentifiedCommand = PlaceCommand | AddItemCommand;

/** A log entry's payload, decoded. */
export interface Batch {
  /** The leader's wall clock when it formed the entry, Unix milliseconds. Shown, never decided by. */
  readonly at: number;
  readonly commands: readonly Command[];
}
