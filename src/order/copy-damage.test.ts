import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { writeOrder } from "../market/codec.ts";
import type { OrderRow } from "../market/rows.ts";
import { openMemoryStore } from "../store/memory.ts";
import type { Frozen } from "../store/port.ts";
import { assertSame, copyOptions, freezingAs, openSource, ordersOf, storeOf } from "./copy.test-support.ts";
import { copyState } from "./copy-state.ts";

/** `frozen`, with its orders changed on the way out. */
function changingOrders(frozen: Frozen, change: (orders: OrderRow[]) => OrderRow[]): Frozen {
  return {
    ...frozen,
    answers: (after, maxBytes) => frozen.answers(after, maxBytes),
    close: () => frozen.close(),
    orders: async (from, maxBytes) => {
      const orders = change(ordersOf(await frozen.orders(from, maxBytes)));
      const writer = new ByteWriter();
      writer.varint(orders.length);
      for (const order of orders) writeOrder(writer, order);
      return writer.finish();
    },
  };
}

const damages: Readonly<Record<string, (orders: OrderRow[]) => OrderRow[]>> = {
  "an order is missing": (orders) => orders.toSpliced(1, 1),
  "an order comes twice": (orders) => orders.toSpliced(1, 0, ...orders.slice(0, 1)),
  "a total is wrong": (orders) => orders.map((order) => ({ ...order, totalMinor: order.totalMinor + 1 })),
  "the orders end early": () => [],
};
for (const [what, change] of Object.entries(damages)) {
  test(`a source where ${what} is named and left out`, async (t) => {
    const model = storeOf(50);
    const damaged = await openSource(
      t,
      2,
      freezingAs(model, (frozen) => changingOrders(frozen, change)),
    );
    const good = await openSource(t, 3, model);
    const store = openMemoryStore();
    const options = copyOptions(store, [damaged, good]);
    await copyState(options);
    await assertSame(store, model);
    const warnings = options.events.filter((event) => event.kind === "warning");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]?.message ?? "", /^the state of order-2 cannot be copied: .*order/);
  });
}

const otherTimes = (orders: OrderRow[]): OrderRow[] =>
  orders.map((order) => ({ ...order, at: order.at + 1 }));

test("rows that look right but do not make the state's hash are not installed, and copied anew from another source", async (t) => {
  const model = storeOf(50);
  const damaged = await openSource(
    t,
    2,
    freezingAs(model, (frozen) => changingOrders(frozen, otherTimes)),
  );
  const good = await openSource(t, 3, model);
  const store = openMemoryStore();
  const options = copyOptions(store, [damaged, good]);
  await copyState(options);
  await assertSame(store, model);
  const [warning] = options.events.filter((event) => event.kind === "warning");
  assert.match(warning?.message ?? "", /order-2 cannot be copied: the copy is refused/);
});

test("when the rows make no source's hash the copy is given up as wrong data", async (t) => {
  const model = storeOf(50);
  const damaged = freezingAs(model, (frozen) => changingOrders(frozen, otherTimes));
  const sources = [await openSource(t, 2, damaged), await openSource(t, 3, damaged)];
  const store = openMemoryStore();
  await assert.rejects(
    copyState(copyOptions(store, sources)),
    (error) => error instanceof OperatingFailure && error.code === "wrong-data",
  );
  assert.equal((await store.load()).copying, true);
});
