/** What the market answers. A refusal is an ordinary reply: it was decided in the log and is remembered like any. */
import type { ItemId, Position, SessionId } from "../base/units.ts";
import type { Side } from "./definition.ts";
import type { Answer, ItemRow, OrderRow } from "./rows.ts";

/** Why the market did not do it. `line` counts from 0. */
export type Refusal =
  | { readonly reason: "item-not-found"; readonly line: number; readonly item: string }
  | {
      readonly reason: "insufficient-stock";
      readonly line: number;
      readonly id: ItemId;
      readonly name: string;
      /** Units asked for, summed over the order's lines of this item. */
      readonly requested: number;
      readonly available: number;
    }
  | {
      readonly reason: "max-quantity-exceeded";
      readonly line: number;
      readonly id: ItemId;
      readonly name: string;
      readonly requested: number;
      /** The most that would have been taken: room under the market's maxQuantity, or maxPerOrder. */
      readonly available: number;
    }
  | {
      readonly reason: "price-changed";
      readonly line: number;
      readonly id: ItemId;
      readonly name: string;
      readonly priceMinor: number;
      readonly limitMinor: number;
    }
  | { readonly reason: "side-not-allowed"; readonly side: Side }
  /** An order's total, an item's volume or the number of items would leave its range. */
  | { readonly reason: "out-of-range"; readonly what: string }
  | { readonly reason: "name-taken"; readonly name: string };

export type Reply =
  | { readonly kind: "placed"; readonly position: Position; readonly order: OrderRow }
  | { readonly kind: "item-added"; readonly position: Position; readonly item: ItemRow }
  | { readonly kind: "refused"; readonly position: Position; readonly refusal: Refusal }
  /** The id was answered before; whoever delivers this fetches the order if the outcome is one. */
  | { readonly kind: "replayed"; readonly position: Position; readonly answer: Answer }
  /** The id was used before with another body. */
  | { readonly kind: "key-reused"; readonly position: Position }
  /** The session is unknown, or its sequence was acknowledged: whether it ever happened is no longer known. */
  | { readonly kind: "too-old"; readonly position: Position }
  | { readonly kind: "session-opened"; readonly position: Position; readonly session: SessionId }
  /** Found, acknowledge, tick. */
  | { readonly kind: "done"; readonly position: Position };
