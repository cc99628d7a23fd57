/**
 * The decision of an order: all of its lines or none. First everything is checked, then everything is changed, so a
 * refusal leaves no trace but its answer.
 */

import { present } from "../base/assert.ts";
import { requestLimits } from "../base/limits.ts";
import { orderNumber } from "../base/units.ts";
import type { LineRequest, PlaceCommand } from "./command.ts";
import type { MarketDefinition, Side } from "./definition.ts";
import type { Entry } from "./entry.ts";
import { itemChanged, orderPlaced } from "./entry.ts";
import type { Item, Market } from "./market.ts";
import { lookUpItem } from "./market.ts";
import type { Refusal } from "./reply.ts";
import type { OrderLine, OrderRow } from "./rows.ts";
import type { Building } from "./value-codec.ts";

/** The order, filled, or why it is refused: the first reason by the order of the checks, then of the lines. */
export function place(entry: Entry, command: PlaceCommand): OrderRow | Refusal {
  const { market } = entry;
  const definition = present(market.definition, "a founded market's definition");
  const { side, lines } = command;
  if (!definition.sides.includes(side)) return { reason: "side-not-allowed", side };
  // Sized beforehand: an array that grows starts with room for many, and most orders have one line.
  const items = new Array<Item>(lines.length);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as LineRequest;
    const item = lookUpItem(market, line.item);
    if (item === undefined) return itemNotFound(i, line);
    items[i] = item;
  }
  // An item named by several lines must satisfy their sum, so the sums are on the items while they are checked.
  for (let i = 0; i < items.length; i++) (items[i] as Item).wanted += (lines[i] as LineRequest).quantity;
  const refusal = checkLines(definition, side, items, lines);
  for (const item of items) item.wanted = 0;
  if (refusal !== undefined) return refusal;
  const totalMinor = total(items, lines);
  if (totalMinor > requestLimits.totalMinorMax) return { reason: "out-of-range", what: "total" };
  return fill(entry, command, items, totalMinor);
}

function itemNotFound(line: number, request: LineRequest): Refusal {
  const { item } = request;
  return { reason: "item-not-found", line, item: item.kind === "name" ? item.name : String(item.id) };
}

function checkLines(
  definition: MarketDefinition,
  side: Side,
  items: readonly Item[],
  lines: readonly LineRequest[],
): Refusal | undefined {
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Item;
    const refusal =
      checkQuantity(definition, side, item, i) ?? checkPrice(side, item, lines[i] as LineRequest, i);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function checkQuantity(
  definition: MarketDefinition,
  side: Side,
  item: Item,
  line: number,
): Refusal | undefined {
  const { id, name, wanted: requested, quantity: stock } = item;
  if (side === "buy") {
    if (requested > stock) {
      return { reason: "insufficient-stock", line, id, name, requested, available: stock };
    }
  } else {
    const room = Math.max(0, (definition.maxQuantity ?? requestLimits.stockMax) - stock);
    if (requested > room) {
      return { reason: "max-quantity-exceeded", line, id, name, requested, available: room };
    }
  }
  const { maxPerOrder } = definition;
  if (maxPerOrder !== undefined && requested > maxPerOrder) {
    return { reason: "max-quantity-exceeded", line, id, name, requested, available: maxPerOrder };
  }
  if (item.volume + requested > Number.MAX_SAFE_INTEGER) return { reason: "out-of-range", what: "volume" };
  return undefined;
}

function checkPrice(side: Side, item: Item, request: LineRequest, line: number): Refusal | undefined {
  const { limitMinor } = request;
  if (limitMinor === undefined) return undefined;
  const { id, name, priceMinor } = item;
  if (side === "buy" ? priceMinor <= limitMinor : priceMinor >= limitMinor) return undefined;
  return { reason: "price-changed", line, id, name, priceMinor, limitMinor };
}

/** Exact where it is in range. Beyond, rounding cannot bring it back below the bound, which is a power of two − 1. */
function total(items: readonly Item[], lines: readonly LineRequest[]): number {
  let sum = 0;
  for (let i = 0; i < items.length; i++) {
    sum += (items[i] as Item).priceMinor * (lines[i] as LineRequest).quantity;
  }
  return sum;
}

function fill(entry: Entry, command: PlaceCommand, items: readonly Item[], totalMinor: number): OrderRow {
  const { market } = entry;
  const lines = new Array<OrderLine>(items.length);
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Item;
    const { item: reference, quantity } = command.lines[i] as LineRequest;
    item.quantity += command.side === "buy" ? -quantity : quantity;
    item.volume += quantity;
    itemChanged(entry, item);
    const name = reference.kind === "name" ? reference.name : item.name;
    lines[i] = { id: item.id, name, quantity, priceMinor: item.priceMinor };
  }
  const order = orderRow(market, entry.at, command, lines, totalMinor);
  market.nextOrder = orderNumber(market.nextOrder + 1);
  orderPlaced(entry, order);
  return order;
}

function orderRow(
  market: Market,
  at: number,
  command: PlaceCommand,
  lines: readonly OrderLine[],
  totalMinor: number,
): OrderRow {
  const row: Building<OrderRow> = {
    number: market.nextOrder,
    position: market.position,
    side: command.side,
    status: "filled",
    shape: command.shape,
    lines,
    totalMinor,
    at,
  };
  if (command.reference !== undefined) row.reference = command.reference;
  if (command.customer !== undefined) row.customer = command.customer;
  return row;
}
