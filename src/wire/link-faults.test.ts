/** What rules mean for a link, and how one direction of it holds and lets through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { faultOf, LinkFaults, type LinkRules, noLinkRules } from "./link-faults.ts";
import { FaultLane } from "./link-faults-lane.ts";

const well = { cut: false, delayMs: 0, loss: 0 };
const cutOff = { ...well, cut: true };

test("a cut ails both its ends, each in the direction that is cut, and nobody else", () => {
  const oneWay: LinkRules = { ...noLinkRules, cuts: [{ from: "a", to: "b" }] };
  assert.deepEqual(faultOf(oneWay, "a", "b"), { sending: cutOff, receiving: well });
  assert.deepEqual(faultOf(oneWay, "b", "a"), { sending: well, receiving: cutOff });
  assert.equal(faultOf(oneWay, "a", "c"), undefined);
  assert.equal(faultOf(oneWay, "c", "b"), undefined);
  const bothWays: LinkRules = { ...oneWay, cuts: [...oneWay.cuts, { from: "b", to: "a" }] };
  assert.deepEqual(faultOf(bothWays, "a", "b"), { sending: cutOff, receiving: cutOff });
});

test("a slow process delays both ways of all its links itself, and its peers nothing", () => {
  const rules: LinkRules = { ...noLinkRules, slows: [{ name: "a", delayMs: 30, loss: 0.1 }] };
  const slow = { cut: false, delayMs: 30, loss: 0.1 };
  assert.deepEqual(faultOf(rules, "a", "b"), { sending: slow, receiving: slow });
  assert.equal(faultOf(rules, "b", "a"), undefined);
  const alsoCut: LinkRules = { ...rules, cuts: [{ from: "b", to: "a" }] };
  assert.deepEqual(faultOf(alsoCut, "a", "b"), { sending: slow, receiving: { ...slow, cut: true } });
});

test("only the newest rules hold, a dial hangs if either way is cut, and without rules nothing is looked up", () => {
  const faults = new LinkFaults(() => 0);
  assert.equal(faults.active, false);
  faults.set("a", { ...noLinkRules, cuts: [{ from: "b", to: "a" }] });
  assert.deepEqual([faults.active, faults.hangs("b"), faults.hangs("c")], [true, true, false]);
  faults.set("a", { ...noLinkRules, cuts: [{ from: "a", to: "c" }] });
  assert.deepEqual([faults.hangs("b"), faults.hangs("c")], [false, true]);
  faults.set("a", { ...noLinkRules, slows: [{ name: "a", delayMs: 5, loss: 0 }] });
  assert.deepEqual([faults.active, faults.hangs("c")], [true, false]);
  faults.set("a", noLinkRules);
  assert.deepEqual([faults.active, faults.of("a")], [false, undefined]);
});

const fault = fc.record({
  cut: fc.boolean(),
  delayMs: fc.constantFrom(0, 1, 50),
  loss: fc.constantFrom(0, 0.5),
});
const step = fc.oneof(
  fc.constant({ kind: "push" } as const),
  fc.record({ kind: fc.constant("heed" as const), fault }),
);

test("whatever ails a lane in whatever turn, it lets everything through in order, and holds nothing once it is well", () => {
  fc.assert(
    fc.property(fault, fc.array(step, { maxLength: 60 }), (first, steps) => {
      const passed: number[] = [];
      let dice = 0;
      const random = (): number => (dice++ % 2) * 0.9;
      const lane = new FaultLane(first, (bytes) => passed.push(bytes.readUInt8(0)), random);
      let pushed = 0;
      for (const one of steps) {
        if (one.kind === "heed") lane.heed(one.fault);
        else {
          const before = passed.length;
          lane.push(Buffer.from([pushed++]));
          if (lane.isCut) assert.equal(passed.length, before);
        }
        assert.equal(lane.heldBytes > 0, passed.length < pushed);
      }
      lane.heed(undefined);
      assert.equal(lane.heldBytes, 0);
      lane.clear();
      assert.deepEqual(
        passed,
        Array.from({ length: pushed }, (_, i) => i),
      );
    }),
  );
});

test("a lane that holds very many chunks lets them all through when they are due", async () => {
  const count = 5_000;
  const all = Promise.withResolvers<void>();
  let passed = 0;
  const began = performance.now();
  const lane = new FaultLane(
    { ...well, delayMs: 50 },
    () => {
      if (++passed === count) all.resolve();
    },
    () => 0,
  );
  for (let i = 0; i < count; i++) lane.push(Buffer.alloc(1));
  await all.promise;
  // The clock that timers go by is coarser than the one that is read.
  assert.ok(performance.now() - began >= 49);
  assert.equal(lane.heldBytes, 0);
});
