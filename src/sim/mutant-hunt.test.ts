import assert from "node:assert/strict";
import { test } from "node:test";
import { hunt } from "./mutant-hunt.test-support.ts";

/** Of those that are caught at once; the others take `npm run mutants`. */
const quick = [
  ["oversold-by-one", /negative-stock|oversold/],
  ["time-of-its-own", /has state/],
  ["keys-not-looked-up", /key|has state|duplicate|number/],
] as const;
const options = { from: 1, seeds: 20, seconds: 20, workers: 1 };

for (const [name, by] of quick) {
  test(`the simulator catches ${name}`, async () => {
    const { caught } = await hunt(name, options);
    assert.match(caught?.by ?? "not caught", by);
  });
}

test("what cannot be loaded is an error, and does not pass for being caught", async () => {
  await assert.rejects(hunt("nobody", options), /no mutant/);
});
