/** Every question that is asked of the tables, prepared once for one connection. */
import type Database from "better-sqlite3";
import { present } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import type { OrderNumber, Position } from "../../base/units.ts";
import { writeAnswer, writeOrder } from "../../market/codec.ts";
import type { Answer, OrderRow } from "../../market/rows.ts";
import { matchesFilter } from "../filter.ts";
import type { Digest, OrderFilter, Stored } from "../port.ts";
import { recompute } from "../recompute.ts";
import { encodePage } from "../row-page.ts";
import {
  type AnswerColumns,
  answerFromColumns,
  hashFromBlob,
  type OrderColumns,
  orderFromColumns,
} from "./columns.ts";
import { itemOrdersReader } from "./item-orders.ts";
import { load } from "./load.ts";
import type { FrozenState, ReadResults } from "./messages.ts";
import {
  allAnswers,
  allOrders,
  countersFromColumns,
  items,
  keyAnswers,
  readMark,
  readState,
} from "./tables.ts";

export interface Queries {
  load(): Stored;
  order(number: number): OrderRow | undefined;
  orders(filter: OrderFilter): OrderRow[];
  answers(keys: Uint8Array): ReadResults["answers"];
  digest(): Digest;
  /** From here on the connection sees the state as it is now, whatever is written. Once, and for good. */
  freeze(): FrozenState;
  frozenOrders(from: OrderNumber, maxBytes: number): Uint8Array;
  frozenAnswers(after: Position, maxBytes: number): Uint8Array;
}

export function prepareQueries(database: Database.Database): Queries {
  const orders = orderQueries(database);
  return {
    load: database.transaction(() => load(database)),
    order: orders.byNumber,
    orders: orders.byFilter,
    answers: answersQuery(database),
    digest: database.transaction(() => digest(database)),
    freeze: () => freeze(database),
    frozenOrders: (from, maxBytes) => encodePage(allOrders(database, from), writeOrder, maxBytes),
    frozenAnswers: (after, maxBytes) => encodePage(keyAnswers(database, after), writeAnswer, maxBytes),
  };
}

/** The transaction's first read fixes what it sees; it ends with the connection. */
function freeze(database: Database.Database): FrozenState {
  database.exec("BEGIN");
  const { index, term, state, copying } = load(database);
  if (copying) throw new OperatingFailure("unavailable", "the store itself is being copied");
  if (state === undefined) throw new OperatingFailure("unavailable", "the store is empty");
  return { index, term, state };
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

function digest(database: Database.Database): Digest {
  const state = readState(database);
  if (readMark(database) !== undefined)
    throw new OperatingFailure("unavailable", "the store is being copied");
  if (state === undefined) throw new OperatingFailure("unavailable", "the store is empty");
  return recompute({
    counters: countersFromColumns(state),
    items: items(database),
    orders: allOrders(database),
    answers: allAnswers(database),
  });
}
