/** Every question that is asked of the tables, prepared once for one connection. */
import type Database from "better-sqlite3";
import { present } from "../../base/assert.ts";
import { parseHash } from "../../base/hash128.ts";
import { itemId, logIndex, orderNumber, position, sessionId, ticks } from "../../base/units.ts";
import type { MarketDefinition } from "../../market/definition.ts";
import type { Answer, Counters, ItemRow, OrderRow, SessionRow } from "../../market/rows.ts";
import { matchesFilter } from "../filter.ts";
import type { Digest, OrderFilter, Stored } from "../port.ts";
import { recompute } from "../recompute.ts";
import {
  type AnswerColumns,
  answerFromColumns,
  hashFromBlob,
  type OrderColumns,
  orderFromColumns,
} from "./columns.ts";
import { itemOrdersReader } from "./item-orders.ts";
import type { ReadResults } from "./messages.ts";

export interface Queries {
  load(): Stored;
  order(number: number): OrderRow | undefined;
  orders(filter: OrderFilter): OrderRow[];
  answers(keys: Uint8Array): ReadResults["answers"];
  digest(): Digest;
}

export function prepareQueries(database: Database.Database): Queries {
  const orders = orderQueries(database);
  return {
    load: database.transaction(() => load(database)),
    order: orders.byNumber,
    orders: orders.byFilter,
    answers: answersQuery(database),
    digest: database.transaction(() => digest(database)),
  };
}

interface StateColumns {
  readonly log_index: number;
  readonly position: number;
  readonly ticks: number;
  readonly next_order: number;
  readonly next_item: number;
  readonly hash: string;
  readonly hashes: string;
}

function readState(database: Database.Database): StateColumns | undefined {
  return database.prepare("SELECT * FROM state").get() as StateColumns | undefined;
}

function countersFromColumns(row: StateColumns): Counters {
  const hash = (text: string) => present(parseHash(text), "a state hash");
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

function load(database: Database.Database): Stored {
  const state = readState(database);
  if (state === undefined) return { index: logIndex(0), state: undefined };
  const index = logIndex(state.log_index);
  const definition = database.prepare("SELECT definition FROM market").pluck().get() as string | null;
  if (definition === null) return { index, state: undefined };
  return {
    index,
    state: {
      definition: JSON.parse(definition) as MarketDefinition,
      items: [...items(database)],
      sessions: [...sessions(database)],
      sessionAnswers: [...sessionAnswers(database)],
      counters: countersFromColumns(state),
    },
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

function* items(database: Database.Database): Iterable<ItemRow> {
  for (const value of database.prepare("SELECT * FROM items ORDER BY id").iterate()) {
    const row = value as ItemColumns;
    yield {
      id: itemId(row.id),
      name: row.name,
      ...(row.title !== null && { title: row.title }),
      ...(row.topic !== null && { topic: row.topic }),
      priceMinor: row.price_minor,
      quantity: row.quantity,
      volume: row.volume,
      supplied: row.supplied,
      changed: position(row.changed),
    };
  }
}

function* sessions(database: Database.Database): Iterable<SessionRow> {
  for (const value of database.prepare("SELECT * FROM sessions ORDER BY session").iterate()) {
    const row = value as { session: number; below: number; open: string; tick: number };
    yield {
      session: sessionId(row.session),
      below: row.below,
      open: JSON.parse(row.open) as number[],
      tick: ticks(row.tick),
    };
  }
}

function* sessionAnswers(database: Database.Database): Iterable<Answer> {
  const statement = database.prepare("SELECT * FROM session_answers ORDER BY session, sequence");
  for (const value of statement.iterate()) {
    const row = value as AnswerColumns & { session: number; sequence: number };
    yield answerFromColumns(
      { kind: "session", session: sessionId(row.session), sequence: row.sequence },
      row,
    );
  }
}

function orderQueries(database: Database.Database): {
  byNumber(number: number): OrderRow | undefined;
  byFilter(filter: OrderFilter): OrderRow[];
} {
  const one = database.prepare("SELECT * FROM orders WHERE number = ?");
  const range = "number > ? AND number < ? ORDER BY number DESC";
  const newest = database.prepare(`SELECT * FROM orders WHERE ${range}`);
  const byCustomer = database.prepare(`SELECT * FROM orders WHERE customer = ? AND ${range}`);
  const byReference = database.prepare(`SELECT * FROM orders WHERE reference = ? AND ${range}`);
  const numbersOf = itemOrdersReader(database);

  const byNumber = (number: number): OrderRow | undefined => {
    const row = one.get(number) as OrderColumns | undefined;
    return row && orderFromColumns(row);
  };

  /** The orders that the most selective condition allows, newest first; the caller checks the others. */
  function* candidates({ item, customer, reference, after, before }: OrderFilter): Iterable<OrderRow> {
    const low = after ?? -1;
    const high = before ?? Number.MAX_SAFE_INTEGER;
    if (reference === undefined && customer === undefined && item !== undefined) {
      for (const number of numbersOf(item, low, high)) {
        yield present(byNumber(number), `order ${number}, which an item's run names`);
      }
      return;
    }
    const rows =
      reference !== undefined
        ? byReference.iterate(reference, low, high)
        : customer !== undefined
          ? byCustomer.iterate(customer, low, high)
          : newest.iterate(low, high);
    for (const row of rows) yield orderFromColumns(row as OrderColumns);
  }

  return {
    byNumber,
    byFilter(filter) {
      const found: OrderRow[] = [];
      if (filter.limit <= 0) return found;
      for (const order of candidates(filter)) {
        if (!matchesFilter(order, filter)) continue;
        found.push(order);
        if (found.length === filter.limit) break;
      }
      return found;
    },
  };
}

function answersQuery(database: Database.Database): Queries["answers"] {
  // The first condition is the index's; the second tells apart the keys that begin alike.
  const select = database.prepare(
    "SELECT * FROM answers WHERE substr(key, 1, 4) = ? AND key = ? ORDER BY position DESC LIMIT 1",
  );
  return (keys) => {
    const bytes = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength);
    const found: [number, Answer][] = [];
    for (let place = 0; place * 16 < bytes.length; place++) {
      const key = bytes.subarray(place * 16, place * 16 + 16);
      const row = select.get(key.subarray(0, 4), key) as AnswerColumns | undefined;
      if (row !== undefined) {
        found.push([place, answerFromColumns({ kind: "key", key: hashFromBlob(key) }, row)]);
      }
    }
    return found;
  };
}

function* keyAnswers(database: Database.Database): Iterable<Answer> {
  for (const value of database.prepare("SELECT * FROM answers").iterate()) {
    const row = value as AnswerColumns & { key: Buffer };
    yield answerFromColumns({ kind: "key", key: hashFromBlob(row.key) }, row);
  }
}

function* allOrders(database: Database.Database): Iterable<OrderRow> {
  for (const row of database.prepare("SELECT * FROM orders ORDER BY number").iterate()) {
    yield orderFromColumns(row as OrderColumns);
  }
}

function* allAnswers(database: Database.Database): Iterable<Answer> {
  yield* keyAnswers(database);
  yield* sessionAnswers(database);
}

function digest(database: Database.Database): Digest {
  return recompute({
    counters: countersFromColumns(present(readState(database), "a state to check")),
    items: items(database),
    orders: allOrders(database),
    answers: allAnswers(database),
  });
}
