/**
 * A copy of another replica's state into the tables, a step in each transaction.
 *
 * Orders and answers of keys only ever grow, so those that are there are kept, and each range goes behind them: how far
 * the copy is stands in the tables themselves. The mark in `copying` carries the sum of the hashes of all of them,
 * and a state is installed only if they and its own rows make up its state hash.
 *
 * The copy may go on from another replica than the one it began with, whose state is an older one. Then there is too
 * much, and the surplus is taken away when that state is installed.
 */
import type Database from "better-sqlite3";
import { present } from "../../base/assert.ts";
import { ByteReader, DecodeError } from "../../base/bytes.ts";
import { equalHash, formatHash, type Hash128, HashSum } from "../../base/hash128.ts";
import { position } from "../../base/units.ts";
import { answerHash, itemHash, orderHash } from "../../market/codec.ts";
import type { Counters, MarketState } from "../../market/rows.ts";
import { itemOrdersTrimmer } from "./item-orders.ts";
import type { CopyMessage, CopyProgress } from "./messages.ts";
import {
  allOrders,
  countersFromColumns,
  items,
  keyAnswers,
  lastAnswer,
  nextOrder,
  readMark,
  readState,
  sessionAnswers,
} from "./tables.ts";
import {
  answersWriter,
  itemsWriter,
  ordersWriter,
  sessionAnswersWriter,
  sessionRowsWriter,
  stateWriter,
} from "./write-group.ts";

type Install = Extract<CopyMessage, { kind: "copy-install" }>;

/** The rows that were copied do not make up the state; they are gone from the tables. */
export class CopyMismatch extends Error {
  override readonly name = "CopyMismatch";
}

export interface CopyWriter {
  /**
   * Carries out one step durably, or throws and wrote nothing: `DecodeError` if what it was given is malformed or does
   * not follow what is there, `CopyMismatch`.
   */
  step(message: CopyMessage): void;
  progress(): CopyProgress;
}

/** Prepares everything once. */
export function copyWriter(database: Database.Database): CopyWriter {
  const orders = ordersAdder(database);
  const answers = answersAdder(database);
  const install = installer(database);
  const within = <A extends unknown[]>(step: (...given: A) => void) => database.transaction(step).immediate;
  const begin = within(() => {
    if (readMark(database) === undefined) writeMark(database, ownSum(database));
  });
  const addOrders = within(orders);
  const addAnswers = within(answers);
  const installState = within(install);
  const discard = within(() => trim(database, ownCounters(database)));
  return {
    step(message) {
      switch (message.kind) {
        case "copy-begin":
          return begin();
        case "copy-orders":
          return addOrders(message.rows);
        case "copy-answers":
          return addAnswers(message.rows);
        case "copy-install":
          try {
            return installState(message);
          } catch (error) {
            // Which of the rows are wrong nobody knows: the copy begins again with what the store had of its own.
            if (error instanceof CopyMismatch) discard();
            throw error;
          }
      }
    },
    progress: () => progress(database),
  };
}

function progress(database: Database.Database): CopyProgress {
  // Up to the state's own position nothing is missing, even if the last answer was before it.
  const own = ownCounters(database).position;
  return {
    nextOrder: nextOrder(database),
    answersThrough: position(Math.max(own, lastAnswer(database))),
  };
}

/** What the store's own state covers; nothing in an empty one. */
function ownCounters(database: Database.Database): { nextOrder: number; position: number } {
  const state = readState(database);
  return state === undefined ? { nextOrder: 0, position: 0 } : countersFromColumns(state);
}

/** The sum over the orders and key answers of the store's own state: the state hash without all else. */
function ownSum(database: Database.Database): Hash128 {
  const state = readState(database);
  if (state === undefined) return new HashSum().value();
  const sum = new HashSum(countersFromColumns(state).hash);
  for (const item of items(database)) sum.subtract(itemHash(item));
  for (const answer of sessionAnswers(database)) sum.subtract(answerHash(answer));
  return sum.value();
}

function writeMark(database: Database.Database, sum: Hash128): void {
  database.prepare("INSERT OR REPLACE INTO copying VALUES (1, ?)").run(formatHash(sum));
}

const markedSum = (database: Database.Database): HashSum =>
  new HashSum(present(readMark(database), "the mark of a copy"));

function ordersAdder(database: Database.Database): (rows: Uint8Array) => void {
  const write = ordersWriter(database);
  return (rows) => {
    const sum = markedSum(database);
    let next: number = nextOrder(database);
    const reader = new ByteReader(rows);
    write(reader, reader.varint(), (order) => {
      if (order.number !== next) throw new DecodeError(`order ${order.number} where order ${next} should be`);
      next++;
      sum.add(orderHash(order));
    });
    writeMark(database, sum.value());
  };
}

function answersAdder(database: Database.Database): (rows: Uint8Array) => void {
  const write = answersWriter(database);
  return (rows) => {
    const sum = markedSum(database);
    let last: number = progress(database).answersThrough;
    const reader = new ByteReader(rows);
    write(reader, reader.varint(), (answer) => {
      if (answer.id.kind !== "key") throw new DecodeError("an answer of a session among those of keys");
      if (answer.position <= last) throw new DecodeError(`an answer at ${answer.position} behind ${last}`);
      last = answer.position;
      sum.add(answerHash(answer));
    });
    writeMark(database, sum.value());
  };
}

function installer(database: Database.Database): (install: Install) => void {
  const writeState = stateWriter(database);
  const writeItem = itemsWriter(database);
  const writeSession = sessionRowsWriter(database);
  const sessionAnswers = sessionAnswersWriter(database);
  const clear = ["items", "sessions", "session_answers", "copying"].map((table) =>
    database.prepare(`DELETE FROM ${table}`),
  );
  return ({ index, term, state }) => {
    const { counters, definition } = state;
    refuseOlder(database, index, counters);
    trim(database, counters);
    const orders = nextOrder(database);
    if (orders !== counters.nextOrder) {
      throw new DecodeError(
        `the copy has orders below ${orders}, the state those below ${counters.nextOrder}`,
      );
    }
    compare(markedSum(database), state);
    for (const statement of clear) statement.run();
    for (const item of state.items) writeItem(item);
    for (const session of state.sessions) writeSession(session);
    for (const answer of state.sessionAnswers) sessionAnswers.add(answer);
    sessionAnswers.end();
    writeState({ index, term, counters, definition });
  };
}

/** What was durable stays so: a store never goes back. */
function refuseOlder(database: Database.Database, index: number, counters: Counters): void {
  const own = readState(database);
  if (own === undefined) return;
  if (index < own.log_index || counters.nextOrder < own.next_order || counters.position < own.position) {
    throw new DecodeError(`the copied state is that at ${index}, the store has the one at ${own.log_index}`);
  }
}

function compare(sum: HashSum, { items, sessionAnswers, counters }: MarketState): void {
  for (const item of items) sum.add(itemHash(item));
  for (const answer of sessionAnswers) sum.add(answerHash(answer));
  const computed = sum.value();
  if (equalHash(computed, counters.hash)) return;
  throw new CopyMismatch(
    `the copied rows' hash is ${formatHash(computed)}, the state says ${formatHash(counters.hash)}`,
  );
}

/** Take away the orders and answers that a state with these counters does not have. */
function trim(
  database: Database.Database,
  counters: { readonly nextOrder: number; readonly position: number },
): void {
  if (nextOrder(database) <= counters.nextOrder && lastAnswer(database) <= counters.position) return;
  const sum = markedSum(database);
  for (const order of allOrders(database, counters.nextOrder)) sum.subtract(orderHash(order));
  for (const answer of keyAnswers(database, counters.position)) sum.subtract(answerHash(answer));
  database.prepare("DELETE FROM orders WHERE number >= ?").run(counters.nextOrder);
  database.prepare("DELETE FROM answers WHERE position > ?").run(counters.position);
  itemOrdersTrimmer(database)(counters.nextOrder);
  writeMark(database, sum.value());
}
