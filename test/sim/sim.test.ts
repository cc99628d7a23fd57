/**
 * The whole system in the simulator: fresh seeds at every run, and those that once found something. What fails tells the
 * command that replays it.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { simulate } from "../../src/sim/main.ts";
import { runTasks } from "../../src/sim/runner.ts";
import keptSeeds from "./kept-seeds.json" with { type: "json" };

const freshSeeds = 300;
const seconds = 120;

test("seeds that once broke a promise keep it", async () => {
  const broken: string[] = [];
  const tasks = keptSeeds.map(({ seed, seconds: virtual }) => {
    return { seed, ms: virtual * 1_000, faults: true, traced: false };
  });
  await runTasks({
    tasks,
    answered: (answer) => {
      if (answer.kind === "broken") broken.push(`seed ${answer.seed}: ${answer.message}`);
      return false;
    },
  });
  assert.deepEqual(broken, []);
});

test(`${freshSeeds} fresh histories of ${seconds} virtual seconds keep every promise, and reach every situation`, async (t) => {
  const from = randomInt(1e6, 2 ** 40);
  const options = {
    seed: undefined,
    from,
    seeds: freshSeeds,
    minutes: undefined,
    seconds,
    faults: true,
    json: false,
  };
  const { failures, missing, replayed, operations, orders, realSeconds } = await simulate(options, () => {});
  t.diagnostic(`seeds from ${from}: ${orders} orders, ${operations} operations, ${realSeconds.toFixed(0)} s`);
  assert.deepEqual(
    failures.map(({ message, replay }) => `${replay}\n${message}`),
    [],
  );
  assert.deepEqual(missing, []);
  assert.ok(replayed > 0, "some were run twice, and went the same way");
});
