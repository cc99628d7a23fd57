/**
 * Seeded histories of whole groups, as many as fit the time (`CLUSTER_TEST_MS`), the seeds that once failed, and a
 * few without any fault. `node test/cluster/run.ts --seed N` replays one with its trace.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type HistoryOptions, runHistory } from "./history.ts";
import type { Broken } from "./rule-breaker.ts";
import { Sometimes } from "./sometimes.ts";

const budgetMs = Number(process.env.CLUSTER_TEST_MS ?? "40000");
/** Fewer histories would not reach every situation, however slow the machine is. */
const historiesMin = 800;

/** A new seed range every run, unless it is given: seeds that were run before prove little. */
const from = Number(process.env.CLUSTER_TEST_FROM ?? Math.floor(Date.now() / 1000) * 1000);

interface Kept {
  readonly seeds: readonly { readonly seed: number; readonly changes?: boolean; readonly shows: string }[];
}

function run(options: HistoryOptions): void {
  try {
    runHistory(options);
  } catch (error) {
    const flags = options.faults === false ? " --no-faults" : "";
    const members = options.members === undefined ? "" : ` --members ${options.members}`;
    const changes = options.changes === true ? " --changes yes" : "";
    const command = `node test/cluster/run.ts --seed ${options.seed}${members}${changes}${flags}`;
    throw new Error(`replay with: ${command}`, { cause: error });
  }
}

test("histories full of faults keep every promise, and end in agreement", () => {
  const sometimes = new Sometimes();
  const end = performance.now() + budgetMs;
  let seed = from;
  for (; seed < from + historiesMin || performance.now() < end; seed++) run({ seed, sometimes });
  assert.deepEqual(sometimes.missing, [], "situations that none of the histories reached");
});

test("the seeds that once failed hold", () => {
  const kept = JSON.parse(readFileSync(join(import.meta.dirname, "kept-seeds.json"), "utf8")) as Kept;
  for (const { seed, changes } of kept.seeds) run({ seed, ...(changes !== undefined && { changes }) });
});

test("groups of one to five live without a fault: a leader, few elections, and everything committed", () => {
  for (let members = 1; members <= 5; members++) {
    for (let i = 0; i < 5; i++) run({ seed: from + i, members, faults: false });
  }
});

test("one seed is one history", () => {
  for (let i = 0; i < 10; i++) assert.deepEqual(runHistory({ seed: i }), runHistory({ seed: i }));
});

/** Each of these is seen within a third as many histories. */
const rules = [
  { broken: "forgets votes", caught: /voted for|both led|elected twice|committed|delivered|lacks|promised/ },
  { broken: "counts from the answer", caught: /holder/ },
  { broken: "slow clocks", caught: /holder/ },
  { broken: "ends with its connection", caught: /holder/ },
  { broken: "does not wait", caught: /holder/ },
  { broken: "starts as if new", caught: /believes|lacks|promised|voted for|both led|committed|delivered/ },
] as const satisfies readonly { readonly broken: Broken; readonly caught: RegExp }[];

/** The same, of histories in which members come and go. */
const changeRules = [
  { broken: "changes before its term", caught: /./ },
  { broken: "changes at once", caught: /./ },
  { broken: "learners count", caught: /durable on/ },
  { broken: "counts by the old members", caught: /durable on/ },
  { broken: "believes the founders", caught: /./ },
] as const satisfies readonly { readonly broken: Broken; readonly caught: RegExp }[];

for (const { broken, caught } of changeRules) {
  test(`the invariants catch a broken rule of changes: ${broken}`, () => {
    const histories = () => {
      for (let seed = 1; seed <= 1_000; seed++) runHistory({ seed, broken, changes: true });
    };
    assert.throws(histories, caught);
  });
}

for (const { broken, caught } of rules) {
  test(`the invariants catch a broken rule: ${broken}`, () => {
    const histories = () => {
      for (let seed = 1; seed <= 2_000; seed++) runHistory({ seed, broken });
    };
    assert.throws(histories, caught);
  });
}
