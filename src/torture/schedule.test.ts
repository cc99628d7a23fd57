import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allFaultKinds, chooseFaults, factsOf, targets } from "./fault-kinds.ts";
import { minorityOf, type Round, type Shape, schedule, strikes } from "./schedule.ts";

const shape: Shape = { orders: 3, frontends: 2, catalogs: 2 };

function draw(seed: number, count: number, given: Shape = shape): Round[] {
  const kinds = allFaultKinds.filter((kind) => strikes(kind, given));
  const rounds: Round[] = [];
  for (const round of schedule(seed, kinds, given)) if (rounds.push(round) === count) return rounds;
  return rounds;
}

const shapes = fc.record({
  orders: fc.constantFrom(1, 3, 5),
  frontends: fc.integer({ min: 1, max: 4 }),
  catalogs: fc.integer({ min: 0, max: 3 }),
});

test("the same seed draws the same faults, and another seed others", () => {
  assert.deepEqual(draw(7, 50), draw(7, 50));
  assert.notDeepEqual(draw(7, 50), draw(8, 50));
});

test("the faults of a round touch different things and harm no more than a minority of the disks", () => {
  fc.assert(
    fc.property(fc.nat(), shapes, (seed, given) => {
      for (const { faults } of draw(seed, 40, given)) {
        const touched = faults.flatMap(({ target }) => targets[target]);
        assert.equal(new Set(touched).size, touched.length);
        const harmed = faults.filter(({ kind }) => factsOf(kind).harmsDisk).length;
        assert.ok(harmed <= minorityOf(given.orders));
      }
    }),
  );
});

test("a round that harms a disk waits until all are whole, and some others do not", () => {
  const rounds = draw(1, 500);
  const harmful = rounds.filter(({ faults }) => faults.some(({ kind }) => factsOf(kind).harmsDisk));
  assert.ok(harmful.length > 0);
  assert.ok(harmful.every(({ settles }) => settles));
  assert.ok(rounds.some(({ settles }) => !settles));
});

test("every fault ends within seconds, and begins in the order of its round", () => {
  for (const { faults, restMs } of draw(2, 500)) {
    assert.ok(restMs <= 600);
    assert.deepEqual(
      faults,
      faults.toSorted((a, b) => a.afterMs - b.afterMs),
    );
    for (const { kind, afterMs, lastsMs } of faults) {
      assert.ok(afterMs <= 1_500);
      const { low, high } = factsOf(kind).lasts ?? { low: 0, high: 0 };
      assert.ok(lastsMs >= low && lastsMs <= high, `${kind} lasts ${lastsMs} ms`);
    }
  }
});

test("every kind is met once before any is met a third time, alone and together with others", () => {
  const rounds = draw(3, 60);
  const counts = new Map<string, number>();
  for (const { kind } of rounds.flatMap(({ faults }) => faults)) {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (count === 3) {
      assert.equal(counts.size, allFaultKinds.length);
      break;
    }
  }
  assert.ok(rounds.some(({ faults }) => faults.length === 1));
  assert.ok(rounds.some(({ faults }) => faults.length === 3));
});

test("what a market does not have is not struck", () => {
  const rounds = draw(4, 300, { orders: 3, frontends: 1, catalogs: 0 });
  for (const { kind, target } of rounds.flatMap(({ faults }) => faults)) {
    assert.doesNotMatch(kind, /catalog/);
    assert.doesNotMatch(target, /catalog/);
  }
  assert.ok(!strikes("lost-disk", { orders: 1, frontends: 1, catalogs: 0 }));
});

test("faults are chosen by their names, or by how these begin", () => {
  assert.deepEqual(chooseFaults("all"), { kinds: allFaultKinds });
  assert.deepEqual(chooseFaults("lost-disk, kill-leader"), { kinds: ["kill-leader", "lost-disk"] });
  assert.deepEqual(chooseFaults("pause"), {
    kinds: ["pause-leader", "pause-follower", "pause-front-end", "pause-catalog", "pause-several"],
  });
  assert.deepEqual(chooseFaults("kill-leader,flood"), { unknown: "flood" });
  assert.deepEqual(chooseFaults(""), { unknown: "" });
});
