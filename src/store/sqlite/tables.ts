/**
 * The tables of the file, row by row, as the market's values. A row that cannot be one throws, whatever error: whoever
 * reads calls it damage (see `reader.ts`).
 */
import type Database from "better-sqlite3";
import { assert, present } from "../../base/assert.ts";
import { type Hash128, parseHash } from "../../base/hash128.ts";
import {
  itemId,
  type OrderNumber,
  orderNumber,
  type Position,
  position,
  sessionId,
  ticks,
} from "../../base/units.ts";
import type { Answer, Counters, ItemRow, OrderRow, SessionRow } from "../../market/rows.ts";
import {
  type AnswerColumns,
  answerFromColumns,
  hashFromBlob,
  type OrderColumns,
  orderFromColumns,
} from "./columns.ts";

export interface StateColumns {
  readonly log_index: number;
  readonly log_term: number;
  readonly position: number;
  readonly ticks: number;
  readonly next_order: number;
  readonly next_item: number;
  readonly hash: string;
  readonly hashes: string;
}

export function readState(database: Database.Database): StateColumns | undefined {
  return database.prepare("SELECT * FROM state").get() as StateColumns | undefined;
}

/** The sum over all orders and key answers in the tables; `undefined` unless a copy is under way. */
export function readMark(database: Database.Database): Hash128 | undefined {
  const text = database.prepare("SELECT hash FROM copying").pluck().get() as string | undefined;
  return text === undefined ? undefined : hash(text);
}

/** One more than the last order's number. */
export function nextOrder(database: Database.Database): OrderNumber {
  const last = database.prepare("SELECT max(number) FROM orders").pluck().get() as number | null;
  return orderNumber(last === null ? 0 : last + 1);
}

/** The position of the last answer of a key; 0 if there is none. */
export function lastAnswer(database: Database.Database): Position {
  const last = database.prepare("SELECT max(position) FROM answers").pluck().get() as number | null;
  return position(last ?? 0);
}

const hash = (text: string): Hash128 => present(parseHash(text), "a hash");

/** A column that the market's types call a number, and that no constructor of theirs checks. */
function whole(value: number): number {
  assert(Number.isSafeInteger(value), () => `a column holds ${String(value)}, which is no whole number`);
  return value;
}

export function countersFromColumns(row: StateColumns): Counters {
  const published = JSON.parse(row.hashes) as { position: number; hash: string }[];
  return {
    position: position(row.position),
    ticks: ticks(row.ticks),
    nextOrder: orderNumber(row.next_order),
    nextItem: itemId(row.next_item),
    hash: hash(row.hash),
    hashes: published.map((entry) => ({ position: position(entry.position), hash: hash(entry.hash) })),
  };
}

interface ItemColumns {
  readonly id: number;
  readonly name: string;
  readonly title: string | null;
  readonly topic: string | null;
  readonly price_minor: number;
  readonly quantity: number;
  readonly volume: number;
  readonly supplied: number;
  readonly changed: number;
}

export function* items(database: Database.Database): Iterable<ItemRow> {
  for (const value of database.prepare("SELECT * FROM items ORDER BY id").iterate()) {
    const row = value as ItemColumns;
    yield {
      id: itemId(row.id),
      name: row.name,
      ...(row.title !== null && { title: row.title }),
      ...(row.topic !== null && { topic: row.topic }),
      priceMinor: whole(row.price_minor),
      quantity: whole(row.quantity),
      volume: whole(row.volume),
      supplied: whole(row.supplied),
      changed: position(row.changed),
    };
  }
}

export function* sessions(database: Database.Database): Iterable<SessionRow> {
  for (const value of database.prepare("SELECT * FROM sessions ORDER BY session").iterate()) {
    const row = value as { session: number; below: number; open: string; tick: number };
    yield {
      session: sessionId(row.session),
      below: whole(row.below),
      open: JSON.parse(row.open) as number[],
      tick: ticks(row.tick),
    };
  }
}

export function* sessionAnswers(database: Database.Database): Iterable<Answer> {
  const statement = database.prepare("SELECT * FROM session_answers ORDER BY session, sequence");
  for (const value of statement.iterate()) {
    const row = value as AnswerColumns & { session: number; sequence: number };
    yield answerFromColumns(
      { kind: "session", session: sessionId(row.session), sequence: whole(row.sequence) },
      row,
    );
  }
}

/** Ascending by position, behind `after`. */
export function* keyAnswers(database: Database.Database, after = -1): Iterable<Answer> {
  const statement = database.prepare("SELECT * FROM answers WHERE position > ? ORDER BY position");
  for (const value of statement.iterate(after)) {
    const row = value as AnswerColumns & { key: Buffer };
    yield answerFromColumns({ kind: "key", key: hashFromBlob(row.key) }, row);
  }
}

/** Ascending by number, from `from` on. */
export function* allOrders(database: Database.Database, from = 0): Iterable<OrderRow> {
  const statement = database.prepare("SELECT * FROM orders WHERE number >= ? ORDER BY number");
  for (const row of statement.iterate(from)) {
    yield orderFromColumns(row as OrderColumns);
  }
}

export function* allAnswers(database: Database.Database): Iterable<Answer> {
  yield* keyAnswers(database);
  yield* sessionAnswers(database);
}
