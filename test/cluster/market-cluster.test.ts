/**
 * Seeded histories of the whole read path, as many as fit the time (`MARKET_CLUSTER_TEST_MS`), and the seeds that once
 * failed. `node test/cluster/run-market.ts --seed N` replays one with its trace.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type MarketHistoryOptions, runMarketHistory } from "./market/history.ts";
import type { BrokenMarket } from "./market/rule-breaker.ts";
import { MarketSometimes } from "./market/sometimes.ts";

const budgetMs = Number(process.env.MARKET_CLUSTER_TEST_MS ?? "25000");
/** Fewer histories would not reach every situation, however slow the machine is. */
const historiesMin = 200;

/** A new seed range every run, unless it is given: seeds that were run before prove little. */
const from = Number(process.env.CLUSTER_TEST_FROM ?? Math.floor(Date.now() / 1000) * 1000);

interface Kept {
  readonly seeds: readonly { readonly seed: number; readonly shows: string }[];
}

function run(options: MarketHistoryOptions): void {
  try {
    runMarketHistory(options);
  } catch (error) {
    const flags = options.faults === false ? " --no-faults" : "";
    const command = `node test/cluster/run-market.ts --seed ${options.seed}${flags}`;
    throw new Error(`replay with: ${command}`, { cause: error });
  }
}

test("whatever breaks, no read through any front-end is older than what anyone was told", () => {
  const market = new MarketSometimes();
  const end = performance.now() + budgetMs;
  let seed = from;
  for (; seed < from + historiesMin || performance.now() < end; seed++) run({ seed, market });
  assert.deepEqual(market.missing, [], "situations that none of the histories reached");
});

test("the read-path seeds that once failed hold", () => {
  const text = readFileSync(join(import.meta.dirname, "market-kept-seeds.json"), "utf8");
  for (const { seed } of (JSON.parse(text) as Kept).seeds) run({ seed });
});

test("without a fault every read is answered", () => {
  for (let i = 0; i < 5; i++) {
    const { reads, unanswered } = runMarketHistory({ seed: from + i, faults: false });
    assert.ok(reads > 0);
    assert.equal(unanswered, 0);
  }
});

test("one seed is one history of the read path", () => {
  for (let seed = 0; seed < 5; seed++)
    assert.deepEqual(runMarketHistory({ seed }), runMarketHistory({ seed }));
});

/** Each is seen within a fifth as many histories. */
const rules = {
  "acknowledges before it invalidates": /stale/,
  "never invalidates": /stale/,
  "keeps old fills": /stale/,
  "sleeps through a lapse": /stale/,
  "counts from the answer": /stale/,
  "does not wait": /stale/,
  "commits without acknowledgements": /stale/,
  "shows what is not committed": /not committed/,
  "answers below the position": /stale/,
} as const satisfies Record<BrokenMarket, RegExp>;

for (const [broken, caught] of Object.entries(rules) as [BrokenMarket, RegExp][]) {
  test(`the oracle catches a read path with a broken rule: ${broken}`, () => {
    const histories = () => {
      for (let seed = 1; seed <= 500; seed++) runMarketHistory({ seed, broken });
    };
    assert.throws(histories, caught);
  });
}
