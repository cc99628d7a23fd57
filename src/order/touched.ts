/**
 * What an entry may change, said before it is applied: whoever keeps replies must drop them before the entry is
 * committed. It may name too much, never too little.
 */
import { unreachable } from "../base/assert.ts";
import type { ItemId } from "../base/units.ts";
import type { Command } from "../market/command.ts";
import { restockRuleAt } from "../market/items.ts";
import { lookUpItem, type Market } from "../market/market.ts";
import type { Touched } from "../wire/lease.ts";

/** Of the entries that are appended and not yet applied: what the market does not show yet. */
export interface Ahead {
  readonly ticks: number;
  /** Commands that may add items. */
  readonly additions: number;
}

const all: Touched = { kind: "all" };

/** Used for every entry. */
const seen = new Set<ItemId>();

/**
 * `commands` are those of one entry, to be applied to `market` after what is `ahead` of them. An item keeps its name and
 * its id for ever, so what is found now is what the command will find. One that is not found is either being added, and
 * then nobody can say which it will be, or does not exist, and then the order is refused and changes nothing.
 */
export function touchedBy(market: Market, commands: readonly Command[], ahead: Ahead): Touched {
  seen.clear();
  let lists = false;
  let mayBeNew = ahead.additions > 0;
  let tick = market.ticks + ahead.ticks;
  for (const command of commands) {
    switch (command.kind) {
      case "place":
        for (const line of command.lines) {
          const item = lookUpItem(market, line.item);
          if (item !== undefined) seen.add(item.id);
          else if (mayBeNew) return all;
        }
        break;
      case "add-item":
        lists = true;
        mayBeNew = true;
        break;
      case "tick":
        tick++;
        if (restockRuleAt(market, tick) !== undefined) return all;
        break;
      case "found":
        return all;
      case "open-session":
      case "acknowledge":
        break;
      default:
        unreachable(command);
    }
  }
  return { kind: lists ? "lists" : "items", items: [...seen] };
}
