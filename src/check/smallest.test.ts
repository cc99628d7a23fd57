import assert from "node:assert/strict";
import { test } from "node:test";
import { integerBetween, seededRandom } from "../base/random.ts";
import { checkByPosition } from "./by-position.ts";
import { historyOf, type Operation, operationsOf } from "./history.ts";
import { checkLinearizable } from "./linearizable.ts";
import { generate } from "./random-history.test-support.ts";
import { type Recording, smallest, smallestOf } from "./smallest.ts";

/** What is wrong with a recording, apart from gaps, which leaving out orders makes by itself. */
function faults({ header, operations }: Recording): string[] {
  const history = historyOf(operations, header);
  const positions = checkByPosition(history);
  const rules = positions.kind === "ok" ? [] : positions.violations.map(({ rule }) => rule);
  const search = checkLinearizable(history, { configurationsMax: 100_000 }).kind;
  return [
    ...rules.filter((rule) => rule !== "number-gap"),
    ...(search === "illegal" ? ["linearizable"] : []),
  ];
}

for (const unrecorded of [0, 0.3]) {
  const what = unrecorded === 0 ? "complete" : "open";
  test(`whatever is left out of a legal ${what} history, it stays legal`, () => {
    let tried = 0;
    let shrunk = 0;
    for (let seed = 0; seed < 60; seed++) {
      const random = seededRandom(seed);
      const recording = generate(random, { operations: 60, unknown: 0.1, unrecorded });
      // Whichever parts a fault might need, here at random: each way of leaving out comes up.
      const result = smallest(recording, (candidate) => {
        tried++;
        assert.deepEqual(faults(candidate), [], `seed ${seed}`);
        const weakened = recording.header.complete && !candidate.header.complete;
        return !weakened && random() < 0.1;
      });
      if (result.operations.length < recording.operations.length) shrunk++;
    }
    assert(tried > 2_000 && shrunk > 50, `${tried} tried, ${shrunk} made smaller`);
  });
}

test("one lie among hundreds of operations is told in a few", () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = seededRandom(seed);
    const { header, operations } = generate(random, { operations: 400, unknown: 0.05, unrecorded: 0 });
    const reads = operations.filter(({ op }) => op === "read");
    const read = reads[integerBetween(random, 0, reads.length - 1)] as Operation;
    const lie = { ...read, value: { ...read.value, volume: Number(read.value?.volume) + 1 } };
    const lied = operations.map((operation) => (operation === read ? lie : operation));
    const history = historyOf(lied, header);
    assert.equal(checkLinearizable(history).kind, "illegal");
    const small = smallestOf(history, { rule: "linearizable", message: "", operations: [] });
    assert.deepEqual(faults(small).slice(-1), ["linearizable"]);
    assert(small.operations.length <= 40, `seed ${seed}: ${small.operations.length} operations`);
  }
});

test("what is kept is told as it was recorded, rows and negative stock too", () => {
  const { header, operations } = generate(seededRandom(1), { operations: 80, unknown: 0.1, unrecorded: 0 });
  const first = operations[0] as Operation;
  const odd: Operation = { ...first, op: "read", status: 200, position: 5, value: { quantity: -1 } };
  const all = [
    ...operations,
    { client: 1, op: "read", start: 1, end: null, item: "FishCo", status: null } as const,
  ];
  const again = operationsOf(historyOf(all, header));
  assert.deepEqual(
    again.map((operation) => ({ ...operation, position: operation.position ?? null })),
    all.map((operation) => ({ ...operation, position: (operation as Operation).position ?? null })),
  );
  assert.equal(operationsOf(historyOf([odd]))[0]?.value?.quantity, -1);
});
