import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { itemId, orderNumber, position, ticks } from "../base/units.ts";
import { readAnswer, writeAnswer, writeOrder } from "../market/codec.ts";
import type { Answer, OrderRow } from "../market/rows.ts";
import { checkAnswers, checkOrders } from "./copied-rows.ts";
import { ordersOf, storeOf } from "./copy.test-support.ts";

const frozen = await storeOf(40).freeze();
const { state } = frozen;
const { counters } = state;
const orders = ordersOf(await frozen.orders(orderNumber(0), 1e9));
const answers = answersOf(await frozen.answers(position(0), 1e9));
assert.ok(orders.length > 100 && answers.length > 20);

function answersOf(rows: Uint8Array): Answer[] {
  const reader = new ByteReader(rows);
  return Array.from({ length: reader.varint() }, () => readAnswer(reader));
}

function ranged<T>(rows: readonly T[], write: (writer: ByteWriter, row: T) => void): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(rows.length);
  for (const row of rows) write(writer, row);
  return writer.finish();
}

const orderRange = (rows: readonly OrderRow[]): Uint8Array => ranged(rows, writeOrder);
const answerRange = (rows: readonly Answer[]): Uint8Array => ranged(rows, writeAnswer);

test("ranges of orders, and of answers, lead from one to the next until the last", () => {
  let from = orderNumber(0);
  for (let at = 0; at < orders.length; at += 7) {
    from = checkOrders(orderRange(orders.slice(at, at + 7)), from, counters);
  }
  assert.equal(from, counters.nextOrder);
  let after = position(0);
  for (let at = 0; at < answers.length; at += 7) {
    after = checkAnswers(answerRange(answers.slice(at, at + 7)), after, counters);
  }
  assert.equal(after, answers.at(-1)?.position);
});

test("an empty range leads nowhere", () => {
  assert.equal(checkOrders(Uint8Array.of(0), orderNumber(5), counters), 5);
  assert.equal(checkAnswers(Uint8Array.of(0), position(5), counters), 5);
});

function changed<T>(rows: readonly T[], at: number, change: (row: T) => Partial<T>): T[] {
  return rows.map((row, i) => (i === at ? { ...row, ...change(row) } : row));
}

const badOrders: Readonly<Record<string, readonly OrderRow[]>> = {
  "a gap": orders.toSpliced(3, 1),
  "an order twice": orders.toSpliced(3, 0, ...orders.slice(2, 3)),
  "another beginning": orders.slice(1),
  "an order too many": [
    ...orders,
    { ...(orders.at(-1) as OrderRow), number: counters.nextOrder, position: counters.position },
  ],
  "an order from after the state": changed(orders, orders.length - 1, () => ({
    position: position(counters.position + 1),
  })),
  "positions that do not ascend": changed(orders, 3, () => ({ position: position(1) })),
  "a total that is wrong": changed(orders, 3, ({ totalMinor }) => ({ totalMinor: totalMinor + 1 })),
  "an item that is not there": changed(orders, 3, ({ lines }) => ({
    lines: lines.map((line) => ({ ...line, id: itemId(counters.nextItem) })),
  })),
};
for (const [what, rows] of Object.entries(badOrders)) {
  test(`orders with ${what} are refused`, () => {
    assert.throws(() => checkOrders(orderRange(rows), orderNumber(0), counters), DecodeError);
  });
}

const badAnswers: Readonly<Record<string, readonly Answer[]>> = {
  "one twice": answers.toSpliced(3, 0, ...answers.slice(2, 3)),
  "one of a session": changed(answers, 3, () => ({ id: state.sessionAnswers[0]?.id as Answer["id"] })),
  "one from after the state": changed(answers, answers.length - 1, () => ({
    position: position(counters.position + 1),
  })),
  "a tick from after the state": changed(answers, 3, () => ({ tick: ticks(counters.ticks + 1) })),
  "an order that is not there": changed(answers, 3, () => ({
    outcome: { kind: "order", number: counters.nextOrder },
  })),
};
for (const [what, rows] of Object.entries(badAnswers)) {
  test(`answers with ${what} are refused`, () => {
    assert.throws(() => checkAnswers(answerRange(rows), position(0), counters), DecodeError);
  });
}

test("answers from before where the range begins are refused", () => {
  const { position: first } = answers[0] as Answer;
  assert.throws(() => checkAnswers(answerRange(answers), first, counters), DecodeError);
});

test("a range with bytes too many or too few is refused", () => {
  const bytes = orderRange(orders);
  assert.throws(() => checkOrders(Uint8Array.of(...bytes, 0), orderNumber(0), counters), DecodeError);
  assert.throws(() => checkOrders(bytes.subarray(0, -1), orderNumber(0), counters), DecodeError);
  const given = answerRange(answers);
  assert.throws(() => checkAnswers(Uint8Array.of(...given, 0), position(0), counters), DecodeError);
  assert.throws(() => checkAnswers(given.subarray(0, -1), position(0), counters), DecodeError);
});
