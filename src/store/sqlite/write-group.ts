/** One group of rows into the tables, in one transaction. */
import type Database from "better-sqlite3";
import { ByteReader } from "../../base/bytes.ts";
import { formatHash } from "../../base/hash128.ts";
import { readAnswer, readOrder } from "../../market/codec.ts";
import type { Answer, Counters, ItemRow, OrderRow, SessionRow } from "../../market/rows.ts";
import { type BulkInsert, bulkInsert } from "./bulk-insert.ts";
import { hashToBlob } from "./columns.ts";
import { prepareOrderInsert } from "./insert-orders.ts";
import { itemOrdersWriter } from "./item-orders.ts";
import type { GroupMessage } from "./messages.ts";

/** Prepares everything once; the function that it returns writes a group, durably, or throws and wrote nothing. */
export function groupWriter(database: Database.Database): (group: GroupMessage) => void {
  const orders = ordersWriter(database);
  const answers = answersWriter(database);
  const sessions = sessionsWriter(database);
  const items = itemsWriter(database);
  const state = stateWriter(database);
  return database.transaction((group: GroupMessage) => {
    orders(new ByteReader(group.orderBytes), group.orderCount);
    answers(new ByteReader(group.answerBytes), group.answerCount);
    sessions(group);
    for (const item of group.items) items(item);
    state(group);
  }).immediate;
}

/** Writes `count` orders, ascending by number, that `reader` reads, and no more; `check` may refuse one by throwing. */
export type OrdersWriter = (reader: ByteReader, count: number, check?: (order: OrderRow) => void) => void;

export function ordersWriter(database: Database.Database): OrdersWriter {
  const insert = prepareOrderInsert(database);
  const itemOrders = itemOrdersWriter(database);
  return (reader, count, check) => {
    for (let i = 0; i < count; i++) {
      const order = readOrder(reader);
      check?.(order);
      insert.add(order);
      for (const line of order.lines) itemOrders.add(line.id, order.number);
    }
    reader.end();
    insert.end();
    itemOrders.end();
  };
}

/** The same for answers of keys. */
export type AnswersWriter = (reader: ByteReader, count: number, check?: (answer: Answer) => void) => void;

export function answersWriter(database: Database.Database): AnswersWriter {
  const insert = bulkInsert(database, "answers", "(?, ?, ?, ?, ?, ?)", 6);
  return (reader, count, check) => {
    for (let i = 0; i < count; i++) {
      const answer = readAnswer(reader);
      check?.(answer);
      if (answer.id.kind !== "key") continue;
      insert.put(answer.position);
      insert.put(hashToBlob(answer.id.key));
      putAnswer(insert, answer);
      insert.row();
    }
    reader.end();
    insert.end();
  };
}

/** The columns that both tables of answers end with. */
function putAnswer(insert: BulkInsert, { body, tick, outcome }: Answer): void {
  insert.put(hashToBlob(body));
  insert.put(tick);
  insert.put(outcome.kind === "order" ? outcome.number : null);
  insert.put(outcome.kind === "reply" ? JSON.stringify(outcome.reply) : null);
}

function sessionsWriter(database: Database.Database): (group: GroupMessage) => void {
  const answers = sessionAnswersWriter(database);
  const rows = sessionRowsWriter(database);
  const forget = database.prepare("DELETE FROM session_answers WHERE session = ? AND sequence = ?");
  const forgetAll = database.prepare("DELETE FROM session_answers WHERE session = ?");
  const close = database.prepare("DELETE FROM sessions WHERE session = ?");
  return (group) => {
    for (let i = 0; i < group.forgotten.length; i += 2)
      forget.run(group.forgotten[i], group.forgotten[i + 1]);
    for (const session of group.closedSessions) {
      forgetAll.run(session);
      close.run(session);
    }
    for (const row of group.sessions) rows(row);
    const reader = new ByteReader(group.sessionAnswerBytes);
    for (let i = 0; i < group.sessionAnswerCount; i++) answers.add(readAnswer(reader));
    reader.end();
    answers.end();
  };
}

export function sessionRowsWriter(database: Database.Database): (row: SessionRow) => void {
  const upsert = database.prepare("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)");
  return (row) => upsert.run(row.session, row.below, JSON.stringify(row.open), row.tick);
}

export function sessionAnswersWriter(database: Database.Database): {
  add(answer: Answer): void;
  end(): void;
} {
  const insert = bulkInsert(database, "session_answers", "(?, ?, ?, ?, ?, ?, ?)", 7);
  return {
    add(answer) {
      if (answer.id.kind !== "session") return;
      insert.put(answer.id.session);
      insert.put(answer.id.sequence);
      insert.put(answer.position);
      putAnswer(insert, answer);
      insert.row();
    },
    end: () => insert.end(),
  };
}

export function itemsWriter(database: Database.Database): (item: ItemRow) => void {
  const upsert = database.prepare("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  return (item) => {
    upsert.run(
      item.id,
      item.name,
      item.title ?? null,
      item.topic ?? null,
      item.priceMinor,
      item.quantity,
      item.volume,
      item.supplied,
      item.changed,
    );
  };
}

/** What `state` and, if it is given, the definition are from now on. */
export type NewState = Pick<GroupMessage, "index" | "term" | "counters" | "definition">;

export function stateWriter(database: Database.Database): (state: NewState) => void {
  const define = database.prepare("UPDATE market SET definition = ?");
  const upsert = database.prepare("INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)");
  return ({ index, term, counters, definition }) => {
    if (definition !== undefined) define.run(JSON.stringify(definition));
    upsert.run(
      index,
      term,
      counters.position,
      counters.ticks,
      counters.nextOrder,
      counters.nextItem,
      formatHash(counters.hash),
      publishedToText(counters),
    );
  };
}

function publishedToText({ hashes }: Counters): string {
  return JSON.stringify(hashes.map(({ position, hash }) => ({ position, hash: formatHash(hash) })));
}
