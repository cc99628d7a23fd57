import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { AssertionError } from "../base/assert.ts";
import { orderTimes } from "../base/limits.ts";
import { position } from "../base/units.ts";
import { PositionWaiters } from "./position-waiters.ts";

/** Waiters whose clock is moved by hand, and what became of each that waits, in that order. */
function waitersAt(t: TestContext, at: number) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let nowMs = 0;
  const waiters = new PositionWaiters(position(at), () => nowMs);
  t.after(() => waiters.close());
  const became: string[] = [];
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    t.mock.timers.tick(ms);
    await Promise.resolve();
  };
  const wait = (until: number): void => {
    waiters.whenPosition(position(until)).then(
      () => became.push(`reached ${until}`),
      (error: unknown) => became.push(`${(error as { code: string }).code} ${until}`),
    );
  };
  return { waiters, became, wait, pass };
}

test("who waits is told when the position is reached or passed, and nobody before", async (t) => {
  const { waiters, became, wait, pass } = waitersAt(t, 5);
  for (const until of [9, 5, 7, 8]) wait(until);
  await pass(0);
  assert.deepEqual(became, ["reached 5"]);
  waiters.advance(position(6));
  await pass(0);
  assert.deepEqual(became, ["reached 5"]);
  waiters.advance(position(8));
  await pass(0);
  assert.deepEqual(became, ["reached 5", "reached 7", "reached 8"]);
  waiters.advance(position(1_000));
  await pass(0);
  assert.deepEqual(became.at(-1), "reached 9");
  assert.equal(waiters.position, 1_000);
});

test("who has waited for the deadline is told that it is unavailable, and later ones wait on", async (t) => {
  const { waiters, became, wait, pass } = waitersAt(t, 0);
  wait(1);
  await pass(orderTimes.readDeadlineMs - 100);
  wait(2);
  assert.deepEqual(became, []);
  await pass(100);
  assert.deepEqual(became, ["unavailable 1"]);
  waiters.advance(position(2));
  await pass(0);
  assert.deepEqual(became, ["unavailable 1", "reached 2"]);
});

test("beyond the bound nobody more may wait, and those that do are told at the end", async (t) => {
  const { waiters, became, wait, pass } = waitersAt(t, 0);
  for (let i = 0; i < 10_000; i++) wait(1);
  wait(2);
  await pass(0);
  assert.deepEqual(became, ["unavailable 2"]);
  waiters.close();
  wait(3);
  await pass(0);
  assert.equal(became.filter((one) => one === "unavailable 1").length, 10_000);
  assert.equal(became.at(-1), "unavailable 3");
});

test("a position that falls is a broken invariant", () => {
  const waiters = new PositionWaiters(position(2));
  assert.throws(() => waiters.advance(position(1)), AssertionError);
});
