/**
 * What can be said of a range of copied rows without the others: that they follow each other without a gap, and that each
 * fits the state that they belong to. So most damage is found before it is stored, and one knows whose it is; whether
 * all rows together make the state's hash is the store's question, when it installs the copy.
 *
 * Both throw `DecodeError` in words for whatever is wrong, and return where the next range begins.
 */
import { ByteReader, DecodeError } from "../base/bytes.ts";
import { type OrderNumber, orderNumber, type Position } from "../base/units.ts";
import { readAnswer, readOrder } from "../market/codec.ts";
import type { Answer, Counters, OrderRow } from "../market/rows.ts";

/** Orders from `from` on, of the state with these counters. */
export function checkOrders(rows: Uint8Array, from: OrderNumber, counters: Counters): OrderNumber {
  const reader = new ByteReader(rows);
  const count = reader.varint();
  let before = 0;
  for (let i = 0; i < count; i++) {
    const order = readOrder(reader);
    checkOrder(order, from + i, before, counters);
    before = order.position;
  }
  reader.end();
  return orderNumber(from + count);
}

function checkOrder(order: OrderRow, number: number, before: number, counters: Counters): void {
  if (order.number !== number) {
    throw new DecodeError(`order ${order.number} stands where order ${number} should be`);
  }
  if (number >= counters.nextOrder || order.position > counters.position || order.position <= before) {
    throw new DecodeError(`order ${number} at position ${order.position} is out of order`);
  }
  let total = 0;
  for (const { id, quantity, priceMinor } of order.lines) {
    if (id >= counters.nextItem)
      throw new DecodeError(`order ${number} is of item ${id}, which is not there`);
    total += quantity * priceMinor;
  }
  if (total !== order.totalMinor) {
    throw new DecodeError(`order ${number} says a total of ${order.totalMinor}, its lines make ${total}`);
  }
}

/** Answers of client keys from behind `after` on, of the state with these counters. */
export function checkAnswers(rows: Uint8Array, after: Position, counters: Counters): Position {
  const reader = new ByteReader(rows);
  const count = reader.varint();
  let last = after;
  for (let i = 0; i < count; i++) {
    const answer = readAnswer(reader);
    checkAnswer(answer, last, counters);
    last = answer.position;
  }
  reader.end();
  return last;
}

function checkAnswer({ id, position, tick, outcome }: Answer, before: Position, counters: Counters): void {
  if (id.kind !== "key") throw new DecodeError(`the answer at position ${position} is no client key's`);
  if (position <= before || position > counters.position || tick > counters.ticks) {
    throw new DecodeError(`the answer at position ${position} is out of order`);
  }
  if (outcome.kind === "order" && outcome.number >= counters.nextOrder) {
    throw new DecodeError(`the answer at position ${position} is an order that is not there`);
  }
}
