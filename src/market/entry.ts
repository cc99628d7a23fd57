/**
 * One log entry while it is applied: what it has changed so far. The functions here are the only ones that touch the
 * state hash, so that whatever changes also counts.
 */
import { assert } from "../base/assert.ts";
import type { Hash128 } from "../base/hash128.ts";
import { equalHash } from "../base/hash128.ts";
import { hashesKept } from "../base/limits.ts";
import type { Position, SessionId } from "../base/units.ts";
import { allAnswers, holdAnswer, releaseAnswer } from "./answers.ts";
import type { MarketDefinition } from "./definition.ts";
import type { Item, Market, Session } from "./market.ts";
import { counters, itemRow, sessionRow } from "./market.ts";
import { answerHash, itemHash, orderHash } from "./row-hash.ts";
import type { Answer, OrderRow, Rows } from "./rows.ts";
import type { Building } from "./value-codec.ts";

/** What the store had for a client key, in the newest version, before the entry that is applied. */
export type Answered = (key: Hash128) => Answer | undefined;

export interface Entry {
  readonly market: Market;
  readonly at: number;
  readonly answered: Answered;
  /** The position before the entry: what has a higher one was made by it. */
  readonly before: Position;
  /** Only in the entry that founds the market. */
  definition: MarketDefinition | undefined;
  readonly items: Item[];
  readonly unsettled: Item[];
  readonly orders: OrderRow[];
  readonly answers: Answer[];
  /** Answers of this entry by the first word of their key: the store does not know them yet. */
  keyAnswers: Map<number, Answer[]> | undefined;
  readonly forgotten: { readonly session: SessionId; readonly sequence: number }[];
  /** Answers of this entry that it also forgot: in no list. */
  readonly passing: Set<Answer>;
  readonly sessions: Session[];
  readonly closedSessions: SessionId[];
}

export function beginEntry(market: Market, at: number, answered: Answered): Entry {
  return {
    market,
    at,
    answered,
    before: market.position,
    definition: undefined,
    items: [],
    unsettled: [],
    orders: [],
    answers: [],
    keyAnswers: undefined,
    forgotten: [],
    passing: new Set(),
    sessions: [],
    closedSessions: [],
  };
}

/** Say that `item` has been changed by the command at the market's position. */
export function itemChanged(entry: Entry, item: Item): void {
  item.changed = entry.market.position;
  item.row = undefined;
  if (!item.unsettled) {
    item.unsettled = true;
    entry.unsettled.push(item);
  }
  if (!item.listed) {
    item.listed = true;
    entry.items.push(item);
  }
}

export function orderPlaced(entry: Entry, order: OrderRow): void {
  entry.orders.push(order);
  entry.market.sum.add(orderHash(order));
}

export function sessionChanged(entry: Entry, session: Session): void {
  if (session.listed) return;
  session.listed = true;
  entry.sessions.push(session);
}

export function rememberInSession(entry: Entry, session: Session, sequence: number, answer: Answer): void {
  const hash = answerHash(answer);
  holdAnswer(session.answers, { sequence, answer, hash });
  entry.answers.push(answer);
  entry.market.sum.add(hash);
}

/** The answer of a session's sequence, if there is one, is no longer part of the state. */
export function forgetInSession(entry: Entry, session: Session, sequence: number): void {
  const held = releaseAnswer(session.answers, sequence);
  if (held === undefined) return;
  entry.market.sum.subtract(held.hash);
  if (held.answer.position > entry.before) entry.passing.add(held.answer);
  else entry.forgotten.push({ session: session.id, sequence });
}

export function rememberKey(entry: Entry, key: Hash128, answer: Answer): void {
  entry.answers.push(answer);
  entry.market.sum.add(answerHash(answer));
  entry.keyAnswers ??= new Map();
  const chain = entry.keyAnswers.get(key[0]);
  if (chain === undefined) entry.keyAnswers.set(key[0], [answer]);
  else chain.push(answer);
}

/** The newest answer to a client's key: this entry's own before the store's. */
export function answerOfKey(entry: Entry, key: Hash128): Answer | undefined {
  const own = entry.keyAnswers
    ?.get(key[0])
    ?.findLast(({ id }) => id.kind === "key" && equalHash(id.key, key));
  return own ?? entry.answered(key);
}

/** The session is over. Its answers are forgotten with it, so that they leave the sum and the store. */
export function closeSession(entry: Entry, session: Session): void {
  for (const { sequence } of allAnswers(session.answers)) forgetInSession(entry, session, sequence);
  entry.market.sessions.delete(session.id);
  if (session.id <= entry.before) entry.closedSessions.push(session.id);
}

/** Bring the sum up to date with every item that changed, however often it did. */
function settle(entry: Entry): void {
  const { sum } = entry.market;
  for (const item of entry.unsettled) {
    if (item.hash !== undefined) sum.subtract(item.hash);
    item.hash = itemHash(itemRow(item));
    sum.add(item.hash);
    item.unsettled = false;
  }
  entry.unsettled.length = 0;
}

/** Publish the state hash at the market's position. */
export function publishHash(entry: Entry): void {
  settle(entry);
  const { market } = entry;
  const published = { position: market.position, hash: market.sum.value() };
  market.hashes = [...market.hashes.slice(1 - hashesKept), published];
}

/** The entry is over: its net effect. */
export function endEntry(entry: Entry): Rows {
  settle(entry);
  const { market, passing } = entry;
  const rows: Building<Rows> = {
    items: entry.items.map(listedItem),
    orders: entry.orders,
    answers: passing.size === 0 ? entry.answers : entry.answers.filter((answer) => !passing.has(answer)),
    forgotten: entry.forgotten,
    sessions: listedSessions(entry),
    closedSessions: entry.closedSessions,
    counters: counters(market),
  };
  if (entry.definition !== undefined) rows.definition = entry.definition;
  return rows;
}

function listedItem(item: Item) {
  assert(item.listed && !item.unsettled && item.wanted === 0, () => `item ${item.id} is not at rest`);
  item.listed = false;
  return itemRow(item);
}

function listedSessions(entry: Entry) {
  const rows = [];
  for (const session of entry.sessions) {
    session.listed = false;
    if (entry.market.sessions.has(session.id)) rows.push(sessionRow(session));
  }
  return rows;
}
