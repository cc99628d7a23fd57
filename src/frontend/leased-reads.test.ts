/** Reads under a lease against a leader that keeps its side, with every frame delivered when a test says so. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { leaseTimes } from "../base/limits.ts";
import { itemId } from "../base/units.ts";
import type { Touched } from "../wire/lease.ts";
import type { Wanted } from "./cache.ts";
import { ids, LeaseWorld } from "./leased-reads.test-support.ts";
import { cacheLimits } from "./limits.ts";

const item = (id: number): Wanted => ({ kind: "id", id });
const touching = (...touched: readonly number[]): Touched => ({ kind: "items", items: touched.map(itemId) });

/** A world in which the lease is held, and item 1 is kept. */
function warm(): LeaseWorld {
  const world = new LeaseWorld(8);
  world.tick();
  world.deliver(false);
  world.deliver(true);
  assert.equal(world.read(item(1))?.answered, "no");
  world.answer(0, 0, false);
  assert.equal(world.read(item(1))?.answered, "shown");
  return world;
}

describe("a read under a lease", () => {
  test("of an item that is being changed waits for the leader's push, with all others that want it", () => {
    const world = warm();
    world.append(touching(1), [1]);
    world.deliver(true);
    const parked = [world.read(item(1)), world.read({ kind: "name", name: "ITEM1" })];
    assert.equal(world.pending, 0);
    assert.deepEqual(
      parked.map((read) => read?.answered),
      ["no", "no"],
    );
    world.deliver(false);
    world.commit();
    world.deliver(true);
    assert.deepEqual(
      parked.map((read) => read?.answered),
      ["shown", "shown"],
    );
    assert.equal(world.read(item(1))?.answered, "shown");
  });

  test("of an item that turned out not to be changed is asked of a catalog, once for all", () => {
    const world = warm();
    world.append(touching(1), []);
    world.deliver(true);
    const parked = [world.read(item(1)), world.read(item(1))];
    world.deliver(false);
    world.commit();
    world.deliver(true);
    assert.equal(world.pending, 1);
    world.answer(0, 0, false);
    assert.deepEqual(
      parked.map((read) => read?.answered),
      ["shown", "shown"],
    );
  });

  test("does not wait for a push for ever", () => {
    const world = warm();
    world.append(touching(1), [1]);
    world.deliver(true);
    world.read(item(1));
    world.pass(cacheLimits.pushPatienceMs - 1);
    world.tick();
    assert.equal(world.pending, 0);
    world.pass(1);
    world.tick();
    assert.equal(world.pending, 1);
  });

  test("that waits when the lease ends goes the way of a read without one", () => {
    const world = warm();
    world.append(touching(1), [1]);
    world.deliver(true);
    const read = world.read(item(1));
    world.pass(leaseTimes.leaseMs);
    world.tick();
    assert.equal(read?.answered, "unleased");
    assert.equal(world.reads.entries, 0);
  });

  test("that is asked for itself is handed back too, and its late answer says nothing", () => {
    const world = warm();
    const unknown = world.read({ kind: "name", name: "nothing" });
    let told: string | undefined;
    const past = world.reads.whileHeld<[string]>(
      (answer) => {
        told = answer;
      },
      () => {
        told = "unleased";
      },
    );
    world.lead(true, 1);
    assert.equal(unknown?.answered, "unleased");
    assert.equal(told, "unleased");
    world.answer(0, 0, false);
    past("late");
    assert.deepEqual([unknown?.answered, told], ["unleased", "unleased"]);
  });

  test("that is asked for itself and answered in time is not handed back", () => {
    const world = warm();
    const unknown = world.read({ kind: "name", name: "nothing" });
    world.answer(0, 0, false);
    let told = "";
    const past = world.reads.whileHeld<[string]>(
      (answer) => {
        told += answer;
      },
      () => assert.fail("it was answered"),
    );
    past("once");
    world.lead(true, 0);
    assert.deepEqual([unknown?.answered, told], ["shown", "once"]);
  });

  test("is failed by its question's failure", () => {
    const world = warm();
    const read = world.read(item(2));
    world.answer(0, 0, true);
    assert.equal(read?.answered, "failed");
  });

  test("that began before an invalidation is satisfied by an answer that is not kept", () => {
    const world = warm();
    world.append(touching(2), [2]);
    world.deliver(true);
    world.deliver(false);
    world.commit();
    world.deliver(true);
    world.read(item(2));
    world.answer(0, 0, false);
    world.append(touching(3), [3]);
    const early = world.read(item(3));
    world.deliver(true);
    world.answer(0, 0, false);
    assert.equal(early?.answered, "shown");
    assert.equal(world.read(item(3))?.answered, "no", "what it was shown is not kept");
  });
});

const some = fc.subarray(ids);
const wanted = fc.oneof(
  fc.constantFrom(...ids).map(item),
  fc.constantFrom(...ids).map((id): Wanted => ({ kind: "name", name: `Item${id}` })),
  fc.constant<Wanted>({ kind: "page", topic: undefined }),
  fc.constant<Wanted>({ kind: "name", name: "nothing" }),
);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("deliver" as const), toHolder: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(60) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("tick" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      how: fc.constantFrom("items", "items", "items", "lists", "all"),
      touched: some,
      changed: some,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("commit" as const) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("read" as const), wanted }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      pick: fc.nat(5),
      behind: fc.nat(2),
      fails: fc.nat(19).map((n) => n === 0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("lead" as const), anew: fc.boolean(), lost: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("recall" as const) }) },
);

test("whatever happens, no read shows less than anyone had been told of when it began, or more than is committed", () => {
  let shown = 0;
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300, size: "max" }),
      fc.integer({ min: 1, max: 6 }),
      (course, bound) => {
        const world = new LeaseWorld(bound);
        world.tick();
        world.deliver(false);
        world.deliver(true);
        for (const one of course) {
          switch (one.kind) {
            case "deliver":
              world.deliver(one.toHolder);
              break;
            case "pass":
              world.pass(one.ms);
              break;
            case "tick":
              world.tick();
              break;
            case "append": {
              const changed = one.changed.filter((id) => one.how === "all" || one.touched.includes(id));
              const items = one.touched.map(itemId);
              world.append(
                one.how === "all" ? { kind: "all" } : ({ kind: one.how, items } as Touched),
                changed,
              );
              break;
            }
            case "commit":
              world.commit();
              break;
            case "read":
              world.read(one.wanted);
              break;
            case "answer":
              world.answer(one.pick, one.behind, one.fails);
              break;
            case "lead":
              world.lead(one.anew, one.lost);
              break;
            case "recall":
              world.recall();
              break;
          }
          assert.ok(world.reads.entries <= bound);
        }
        world.lead(true, 0);
        assert.deepEqual(world.waiting, [], "with the lease over, nobody waits for what it promised");
        shown += world.shown.length;
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(shown > 500, `the courses say something: ${shown} reads were answered`);
});
