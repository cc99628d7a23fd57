import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Due, DueWheel, notDue } from "./due-wheel.ts";

interface Thing extends Due<Thing> {
  readonly name: number;
}

const thing = (name: number): Thing => ({ name, ...notDue });

test("a wheel gives each thing once, at the first look at or after its time, however often it was set and moved", () => {
  const step = fc.oneof(
    fc.record({ set: fc.nat(20), inMs: fc.integer({ min: -50, max: 12_000 }) }),
    fc.record({ clear: fc.nat(20) }),
    fc.record({ lookAfterMs: fc.oneof(fc.nat(30), fc.nat(20_000)) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(100_000), (course, startMs) => {
      const wheel = new DueWheel<Thing>();
      const things = Array.from({ length: 21 }, (_, name) => thing(name));
      const model = new Map<number, number>();
      let nowMs = startMs;
      for (const now of course) {
        if ("set" in now) {
          wheel.set(things[now.set] as Thing, nowMs + now.inMs);
          model.set(now.set, nowMs + now.inMs);
        } else if ("clear" in now) {
          wheel.clear(things[now.clear] as Thing);
          model.delete(now.clear);
        } else {
          nowMs += now.lookAfterMs;
          const due = [...model].filter(([, dueMs]) => dueMs <= nowMs).map(([name]) => name);
          for (const name of due) model.delete(name);
          const taken = wheel.take(nowMs).map(({ name }) => name);
          assert.deepEqual(taken.sort(), due.sort());
        }
      }
    }),
  );
});

test("a look at a wheel touches nothing that is not due for a while", () => {
  const wheel = new DueWheel<Thing>();
  wheel.take(1_000);
  let looked = 0;
  for (let name = 0; name < 1_000; name++) {
    let dueMs = 0;
    const watched: Thing = {
      name,
      ...notDue,
      get dueMs() {
        looked++;
        return dueMs;
      },
      set dueMs(ms) {
        dueMs = ms;
      },
    };
    wheel.set(watched, 4_000);
  }
  wheel.set(thing(1_000), 1_020);
  looked = 0;
  assert.deepEqual(
    wheel.take(3_900).map(({ name }) => name),
    [1_000],
  );
  assert.equal(looked, 0);
  assert.equal(wheel.take(4_000).length, 1_000);
});
