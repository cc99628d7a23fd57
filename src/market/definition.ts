/**
 * What a market is: its words, its rules and its first items. The definition is the log's first command, so every
 * replica founds the same market, and later starts compare its hash with that of the file they were given.
 */

/** Who gives the goods: a buy takes stock out of the market, a sell puts stock into it. */
export type Side = "buy" | "sell";

export interface ItemDefinition {
  /** Unique, NFC, never all digits. */
  readonly name: string;
  readonly title?: string;
  readonly topic?: string;
  /** In the currency's minor unit. */
  readonly priceMinor: number;
  readonly quantity: number;
}

/** Every `everyTicks` ticks, an item whose stock is at most `when` is filled up to `to`. */
export interface RestockRule {
  readonly everyTicks: number;
  readonly when: number;
  readonly to: number;
}

export interface MarketDefinition {
  /** What the market calls itself: `stocks`, `toys`, `books`, or a name of the operator's. */
  readonly name: string;
  /** The word in the URL: `GET /<resource>/<name>`. */
  readonly resource: string;
  /** An ISO 4217 code. */
  readonly currency: string;
  readonly sides: readonly Side[];
  readonly items: readonly ItemDefinition[];
  readonly restock?: RestockRule;
  /** The most units of one item that the market may hold: a sale that would exceed it is refused. */
  readonly maxQuantity?: number;
  /** The most units of one item in one order. */
  readonly maxPerOrder?: number;
}
