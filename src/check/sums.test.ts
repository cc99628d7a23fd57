import assert from "node:assert/strict";
import { test } from "node:test";
import { PossibleSums } from "./sums.ts";

test("a sum is possible if some of the quantities make it", () => {
  const sums = new PossibleSums();
  for (const quantity of [2, 5, 10]) sums.add(quantity);
  const possible = Array.from({ length: 20 }, (_, sum) => sum).filter((sum) => sums.has(sum));
  assert.deepEqual(possible, [0, 2, 5, 7, 10, 12, 15, 17]);
  assert.equal(sums.has(-2), false);
  assert.equal(sums.has(2.5), false);
});

test("with too many quantities everything up to the total counts as possible", () => {
  const sums = new PossibleSums();
  for (let bit = 0; bit < 20; bit++) sums.add(2 * 2 ** bit);
  assert.equal(sums.has(3), true);
  assert.equal(sums.has(sums.total + 1), false);
});
