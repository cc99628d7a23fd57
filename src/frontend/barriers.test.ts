import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Barriers } from "./barriers.ts";
import { cacheLimits } from "./limits.ts";

describe("barriers", () => {
  test("are shared by all who came before one was asked for, and by nobody who came later", () => {
    const barriers = new Barriers<string>();
    barriers.join("a", 20);
    barriers.join("b", 10);
    assert.equal(barriers.next(), 10);
    barriers.join("c", 30);
    assert.equal(barriers.next(), undefined, "one is under way");
    assert.deepEqual(barriers.settled(5, true), { passed: ["a", "b"], failed: [] });
    assert.equal(barriers.next(), 30);
    assert.deepEqual(barriers.settled(5, true), { passed: ["c"], failed: [] });
    assert.equal(barriers.next(), undefined);
    assert.equal(barriers.size, 0);
  });

  test("that are not passed fail those whose time is over, and the others wait for the next", () => {
    const barriers = new Barriers<string>();
    barriers.join("a", 10);
    barriers.join("b", 20);
    barriers.next();
    barriers.join("c", 30);
    assert.deepEqual(barriers.settled(10, false), { passed: [], failed: ["a"] });
    assert.equal(barriers.next(), 20);
    assert.deepEqual(barriers.settled(20, false), { passed: [], failed: ["b"] });
    assert.equal(barriers.next(), 30);
    assert.deepEqual(barriers.settled(25, true), { passed: ["c"], failed: [] });
  });

  test("that cannot even be asked for fail all at once", () => {
    const barriers = new Barriers<string>();
    barriers.join("a", 10);
    barriers.join("b", 20);
    barriers.next();
    assert.deepEqual(barriers.settled(0, false), { passed: [], failed: ["a", "b"] });
    assert.equal(barriers.size, 0);
  });

  test("take no more readers than their bound", () => {
    const barriers = new Barriers<number>();
    for (let i = 0; i < cacheLimits.barrierReaders; i++) assert.ok(barriers.join(i, 10));
    assert.equal(barriers.join(0, 10), false);
    barriers.next();
    assert.equal(barriers.join(0, 10), false);
    barriers.settled(1, true);
    assert.ok(barriers.join(0, 10));
  });
});
