import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { orderNumber, position } from "../../base/units.ts";
import { appendRange, failsWith, Scratch, sampleRows } from "./scratch.test-support.ts";

describe("frozen states of the SQLite store", () => {
  const scratch = new Scratch();
  beforeEach(() => scratch.begin());
  afterEach(() => scratch.end());

  it("are two at most; a third is refused until one is closed", async () => {
    const store = await scratch.open();
    appendRange(sampleRows(), 0, 10, [store]);
    const [first] = await Promise.all([store.freeze(), store.freeze()]);
    await assert.rejects(store.freeze(), failsWith("unavailable", /2 states are being copied/));
    await first.close();
    await first.close();
    await assert.rejects(first.orders(orderNumber(0), 100), failsWith("unavailable", /closed/));
    const third = await store.freeze();
    assert.equal(third.index, 10);
  });

  it("do not take a place when they could not be had", async () => {
    const store = await scratch.open();
    for (let i = 0; i < 3; i++) await assert.rejects(store.freeze(), failsWith("unavailable", /is empty/));
    appendRange(sampleRows(), 0, 10, [store]);
    await store.freeze();
    assert.equal(scratch.failures.length, 0);
  });

  it("are closed when nobody asks for them, and kept as long as somebody does", async (t) => {
    const store = await scratch.open({ freezeIdleMs: 200 });
    appendRange(sampleRows(), 0, 10, [store]);
    await store.flush();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const [asked, left] = [await store.freeze(), await store.freeze()];
    t.mock.timers.tick(199);
    await asked.answers(position(0), 100);
    t.mock.timers.tick(1);
    await assert.rejects(left.orders(orderNumber(0), 100), failsWith("unavailable", /nobody asked for it/));
    t.mock.timers.tick(198);
    await asked.orders(orderNumber(0), 100);
    t.mock.timers.tick(200);
    await assert.rejects(asked.orders(orderNumber(0), 100), failsWith("unavailable", /nobody asked for it/));
    t.mock.timers.reset();
    // Their threads end in their own time; then both places are free again.
    await Promise.all([asked.close(), left.close()]);
    const [one, other] = await Promise.all([store.freeze(), store.freeze()]);
    assert.deepEqual([one.index, other.index], [10, 10]);
  });

  it("end with the store", async () => {
    const store = await scratch.open();
    appendRange(sampleRows(), 0, 10, [store]);
    const frozen = await store.freeze();
    await store.close();
    await assert.rejects(frozen.orders(orderNumber(0), 100), failsWith("unavailable", /closed/));
  });
});
