/** What changes items other than orders: the founding, additions, restocking. */
import { assert, present } from "../base/assert.ts";
import { requestLimits } from "../base/limits.ts";
import { itemId } from "../base/units.ts";
import type { FoundCommand } from "./command.ts";
import type { ItemDefinition, RestockRule } from "./definition.ts";
import type { Entry } from "./entry.ts";
import { itemChanged } from "./entry.ts";
import type { Item, Market } from "./market.ts";
import { insertItem, itemRow } from "./market.ts";
import { foldName } from "./names.ts";
import type { Refusal, Reply } from "./reply.ts";
import type { ItemRow } from "./rows.ts";
import type { Building } from "./value-codec.ts";

/** The first command of the log, and only that. */
export function found(entry: Entry, command: FoundCommand): Reply {
  const { market } = entry;
  assert(market.definition === undefined && market.position === 1, "a market is founded once, at position 1");
  market.definition = command.definition;
  entry.definition = command.definition;
  for (const item of command.definition.items) insert(entry, item);
  return { kind: "done", position: market.position };
}

/** The new item, or why there is none. */
export function addItem(entry: Entry, definition: ItemDefinition): ItemRow | Refusal {
  const { market } = entry;
  if (market.itemsByName.has(foldName(definition.name)))
    return { reason: "name-taken", name: definition.name };
  if (market.items.length >= requestLimits.itemsMax) return { reason: "out-of-range", what: "items" };
  if (definition.quantity > stockBound(market)) return { reason: "out-of-range", what: "quantity" };
  return itemRow(insert(entry, definition));
}

function stockBound(market: Market): number {
  return present(market.definition, "a founded market's definition").maxQuantity ?? requestLimits.stockMax;
}

function insert(entry: Entry, definition: ItemDefinition): Item {
  const { market } = entry;
  const row: Building<ItemRow> = {
    id: itemId(market.items.length + 1),
    name: definition.name,
    priceMinor: definition.priceMinor,
    quantity: definition.quantity,
    volume: 0,
    supplied: definition.quantity,
    changed: market.position,
  };
  if (definition.title !== undefined) row.title = definition.title;
  if (definition.topic !== undefined) row.topic = definition.topic;
  const item = insertItem(market, row);
  itemChanged(entry, item);
  return item;
}

/** The market's restock rule, if the tick of this number is one of the rule's. */
export function restockRuleAt(market: Market, tick: number): RestockRule | undefined {
  const rule = market.definition?.restock;
  return rule !== undefined && tick % rule.everyTicks === 0 ? rule : undefined;
}

/** Fill up what has run low, if this tick is one of the rule's. */
export function restock(entry: Entry): void {
  const { market } = entry;
  const rule = restockRuleAt(market, market.ticks);
  if (rule === undefined) return;
  for (const item of market.items) {
    const units = rule.to - item.quantity;
    if (item.quantity > rule.when || units <= 0) continue;
    if (item.supplied + units > Number.MAX_SAFE_INTEGER) continue;
    item.quantity += units;
    item.supplied += units;
    itemChanged(entry, item);
  }
}
