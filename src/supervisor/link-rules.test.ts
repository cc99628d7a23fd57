import assert from "node:assert/strict";
import { test } from "node:test";
import { noLinkRules } from "../wire/link-faults.ts";
import { areLinked, rulesFor, withCut, withSlow } from "./link-rules.ts";

test("a cut is both ways unless it is one way, and cutting again changes nothing", () => {
  const oneWay = withCut(noLinkRules, "order-1", "order-2", true);
  assert.deepEqual(oneWay.cuts, [{ from: "order-1", to: "order-2" }]);
  const bothWays = withCut(oneWay, "order-2", "order-1", false);
  assert.equal(bothWays.cuts.length, 2);
  assert.deepEqual(
    new Set(bothWays.cuts.map(({ from, to }) => `${from} ${to}`)),
    new Set(["order-1 order-2", "order-2 order-1"]),
  );
  assert.equal(withCut(bothWays, "order-1", "order-2", false).cuts.length, 2);
  assert.equal(withCut(bothWays, "order-1", "order-3", false).cuts.length, 4);
});

test("a process is slowed by what was said last, and by nothing once that is nothing", () => {
  const first = withSlow(noLinkRules, { name: "order-1", delayMs: 10, loss: 0 });
  const both = withSlow(first, { name: "order-2", delayMs: 0, loss: 0.1 });
  const changed = withSlow(both, { name: "order-1", delayMs: 20, loss: 0 });
  assert.deepEqual(changed.slows, [
    { name: "order-2", delayMs: 0, loss: 0.1 },
    { name: "order-1", delayMs: 20, loss: 0 },
  ]);
  assert.deepEqual(withSlow(first, { name: "order-1", delayMs: 0, loss: 0 }).slows, []);
});

test("a process is told the cuts at either of its ends and its own delay, and nothing of others", () => {
  const cut = withCut(noLinkRules, "order-1", "order-2", true);
  const rules = withSlow(cut, { name: "order-2", delayMs: 10, loss: 0 });
  assert.deepEqual(rulesFor(rules, "order-1"), cut);
  assert.deepEqual(rulesFor(rules, "order-2"), rules);
  assert.equal(rulesFor(rules, "order-3"), noLinkRules);
});

test("order replicas speak to everybody, catalogs and front-ends to each other but not among themselves", () => {
  assert.ok(areLinked("order", "order") && areLinked("order", "catalog") && areLinked("frontend", "order"));
  assert.ok(areLinked("catalog", "frontend"));
  assert.ok(!areLinked("catalog", "catalog") && !areLinked("frontend", "frontend"));
});
