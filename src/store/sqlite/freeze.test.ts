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

  it("are closed when nobody asks for them, and kept as long as somebody does", async () => {
    const store = await scratch.open({ freezeIdleMs: 200 });
    appendRange(sampleRows(), 0, 10, [store]);
    const [asked, left] = [await store.freeze(), await store.freeze()];
    let free = false;
    const asking = (async () => {
      while (!free) await asked.answers(position(0), 100);
    })();
    while (!free) {
      free = await store.freeze().then(
        () => true,
        (error) => !failsWith("unavailable", /2 states are being copied/)(error),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    await asking;
    await assert.rejects(left.orders(orderNumber(0), 100), failsWith("unavailable", /nobody asked for it/));
    await asked.orders(orderNumber(0), 100);
  });

  it("end with the store", async () => {
    const store = await scratch.open();
    appendRange(sampleRows(), 0, 10, [store]);
    const frozen = await store.freeze();
    await store.close();
    await assert.rejects(frozen.orders(orderNumber(0), 100), failsWith("unavailable", /closed/));
  });
});
