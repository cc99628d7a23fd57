/**
 * The market's state in memory: items, sessions with their open answers, and counters. Orders and the answers of
 * client keys are not here: they leave `apply` as rows and live in the store, so memory does not grow with history.
 *
 * The state is changed in place, and only by `apply`; everyone else reads through the functions here, which hand out
 * immutable rows. One item is changed by many orders of an entry but its row is needed once, at the entry's end, so
 * rows are built when asked for and kept until the next change.
 */
import { assert, present } from "../base/assert.ts";
import type { Hash128 } from "../base/hash128.ts";
import { HashSum } from "../base/hash128.ts";
import type { OrderNumber, Position, SessionId, Ticks } from "../base/units.ts";
import { itemId, orderNumber, position, ticks } from "../base/units.ts";
import type { SessionAnswers } from "./answers.ts";
import { allAnswers, holdAnswer, noAnswers } from "./answers.ts";
import type { ItemReference } from "./command.ts";
import type { MarketDefinition } from "./definition.ts";
import type { ItemFilter, ItemTable, NamedItem } from "./item-table.ts";
import { addToTable, lookUpItem, selectItems } from "./item-table.ts";
import { foldName } from "./names.ts";
import { answerHash, itemHash } from "./row-hash.ts";
import type { Answer, Counters, ItemRow, MarketState, PublishedHash, SessionRow } from "./rows.ts";
import type { Building } from "./value-codec.ts";

/** The item itself: `apply` changes it, everyone else wants its row. */
export { lookUpItem };

/** An item while it is traded. Outside `market/` only its row is seen. */
export interface Item extends NamedItem {
  priceMinor: number;
  quantity: number;
  volume: number;
  supplied: number;
  changed: Position;
  /** The row as it is now, once somebody asked for it. */
  row: ItemRow | undefined;
  /** The hash that the market's sum holds for it; none before it was ever settled. */
  hash: Hash128 | undefined;
  /** Whether it changed since it was last settled into the sum. */
  unsettled: boolean;
  /** Whether the entry being applied has it among its changed items. */
  listed: boolean;
  /** Units that the order being decided asks for; 0 between orders. */
  wanted: number;
}

export interface Session {
  readonly id: SessionId;
  below: number;
  open: readonly number[];
  tick: Ticks;
  readonly answers: SessionAnswers;
  /** Whether the entry being applied has it among its changed sessions. */
  listed: boolean;
}

export interface Market extends ItemTable<Item> {
  /** Undefined only in the empty market. */
  definition: MarketDefinition | undefined;
  position: Position;
  ticks: Ticks;
  nextOrder: OrderNumber;
  /** Ascending by id, because ids ascend with positions. */
  readonly sessions: Map<SessionId, Session>;
  /** The state hash, but for items that are `unsettled`. */
  readonly sum: HashSum;
  /** Replaced, never changed: rows of earlier entries hold it. */
  hashes: readonly PublishedHash[];
}

/** The market before its first command, `found`. */
export function emptyMarket(): Market {
  return {
    definition: undefined,
    position: position(0),
    ticks: ticks(0),
    nextOrder: orderNumber(0),
    items: [],
    itemsByName: new Map(),
    sessions: new Map(),
    sum: new HashSum(),
    hashes: [],
  };
}

/** Add an item with the next id. The caller has made sure that its name is free and that there is room. */
export function insertItem(market: Market, row: ItemRow): Item {
  const item: Item = {
    id: row.id,
    name: row.name,
    folded: foldName(row.name),
    title: row.title,
    topic: row.topic,
    priceMinor: row.priceMinor,
    quantity: row.quantity,
    volume: row.volume,
    supplied: row.supplied,
    changed: row.changed,
    row,
    hash: undefined,
    unsettled: false,
    listed: false,
    wanted: 0,
  };
  addToTable(market, item);
  return item;
}

/** The item's row as it is now; the same object until the item changes. */
export function itemRow(item: Item): ItemRow {
  if (item.row !== undefined) return item.row;
  const row: Building<ItemRow> = {
    id: item.id,
    name: item.name,
    priceMinor: item.priceMinor,
    quantity: item.quantity,
    volume: item.volume,
    supplied: item.supplied,
    changed: item.changed,
  };
  if (item.title !== undefined) row.title = item.title;
  if (item.topic !== undefined) row.topic = item.topic;
  item.row = row;
  return row;
}

export function sessionRow(session: Session): SessionRow {
  return { session: session.id, below: session.below, open: session.open, tick: session.tick };
}

/** The market's counters. Right only while no item is unsettled: between entries, and where a hash is published. */
export function counters(market: Market): Counters {
  return {
    position: market.position,
    ticks: market.ticks,
    nextOrder: market.nextOrder,
    nextItem: itemId(market.items.length + 1),
    hash: market.sum.value(),
    hashes: market.hashes,
  };
}

/** Everything that `restoreMarket` needs. Not of the empty market, which has no definition. */
export function marketState(market: Market): MarketState {
  const sessions = [...market.sessions.values()];
  return {
    definition: present(market.definition, "a founded market's definition"),
    items: market.items.map(itemRow),
    sessions: sessions.map(sessionRow),
    sessionAnswers: sessions.flatMap((session) => allAnswers(session.answers).map((held) => held.answer)),
    counters: counters(market),
  };
}

/** The market that goes on exactly as the one that `state` was taken of. Items and sessions may come in any order. */
export function restoreMarket(state: MarketState): Market {
  const market = emptyMarket();
  fill(market, state);
  return market;
}

/** `market` is now what `restoreMarket` would make of `state`, in place: whoever holds it goes on with the new state. */
export function replaceMarket(market: Market, state: MarketState): void {
  market.items.length = 0;
  market.itemsByName.clear();
  market.sessions.clear();
  market.sum.subtract(market.sum.value());
  fill(market, state);
}

/** Make an empty market that of `state`. */
function fill(market: Market, state: MarketState): void {
  market.definition = state.definition;
  market.position = state.counters.position;
  market.ticks = state.counters.ticks;
  market.nextOrder = state.counters.nextOrder;
  market.hashes = state.counters.hashes;
  market.sum.add(state.counters.hash);
  for (const row of [...state.items].sort((a, b) => a.id - b.id)) {
    insertItem(market, row).hash = itemHash(row);
  }
  assert(market.items.length + 1 === state.counters.nextItem, "a restored market has all of its items");
  for (const row of [...state.sessions].sort((a, b) => a.session - b.session)) {
    const { session: id, below, open, tick } = row;
    market.sessions.set(id, { id, below, open, tick, answers: noAnswers(), listed: false });
  }
  for (const answer of state.sessionAnswers) restoreAnswer(market, answer);
}

function restoreAnswer(market: Market, answer: Answer): void {
  const { id } = answer;
  assert(id.kind === "session", "a session's answer has a session's id");
  const session = present(market.sessions.get(id.session), `session ${id.session} of an answer`);
  holdAnswer(session.answers, { sequence: id.sequence, answer, hash: answerHash(answer) });
}

/** The row of the item that is meant, by its id or by any spelling of its name. */
export function findItem(market: Market, reference: ItemReference): ItemRow | undefined {
  const item = lookUpItem(market, reference);
  return item === undefined ? undefined : itemRow(item);
}

/** The first items that fit, ascending by id. */
export function listItems(market: Market, filter: ItemFilter): ItemRow[] {
  return selectItems(market, filter).map(itemRow);
}
