import assert from "node:assert/strict";
import { test } from "node:test";
import type { MarketDefinition } from "../market/definition.ts";
import { type ClusterFile, clusterDifferences, marketHash, parseClusterFile } from "./cluster-file.ts";

const market: MarketDefinition = {
  name: "fruit",
  resource: "products",
  currency: "USD",
  sides: ["buy"],
  items: [{ name: "apple", priceMinor: 100, quantity: 5 }],
};

const file: ClusterFile = {
  format: 1,
  cluster: "0123456789abcdef0123456789abcdef",
  engine: "embedded",
  orders: 3,
  market,
  marketHash: marketHash(market),
};

function problemPaths(content: unknown): string[] {
  const parsed = parseClusterFile(JSON.stringify(content));
  return parsed.kind === "invalid" ? parsed.problems.map((problem) => problem.path) : [];
}

test("a file that was written by a start is read back as it was", () => {
  assert.deepEqual(parseClusterFile(JSON.stringify(file)), { kind: "valid", file });
});

test("every problem is told with its path, not only the first", () => {
  assert.deepEqual(problemPaths({ ...file, format: 2, cluster: "x", orders: 4 }), [
    "format",
    "cluster",
    "orders",
  ]);
  assert.deepEqual(problemPaths({}), ["format", "cluster", "engine", "orders", "marketHash", "market"]);
});

test("text that is not a JSON object is told as such", () => {
  for (const text of ["", "{", "[]", "null", "3"]) {
    const parsed = parseClusterFile(text);
    assert.equal(parsed.kind === "invalid" && parsed.problems[0]?.path, "(file)", text);
  }
});

test("a market that was changed by hand after creation is noticed", () => {
  assert.deepEqual(problemPaths({ ...file, market: { ...market, currency: "EUR" } }), ["market"]);
});

test("the hash of a market ignores the order of its fields and sees every value", () => {
  const { name, items, ...rest } = market;
  assert.equal(marketHash({ items, ...rest, name }), marketHash(market));
  assert.notEqual(marketHash({ ...market, maxPerOrder: 1 }), marketHash(market));
});

test("an existing cluster fits a start that asks for nothing, or for the same", () => {
  assert.deepEqual(clusterDifferences(file, {}), []);
  assert.deepEqual(clusterDifferences(file, { orders: 3, market: { ...market } }), []);
});

test("what differs from an existing cluster is named", () => {
  const other = { ...market, items: [], sides: ["buy", "sell"] } as const;
  const words = clusterDifferences(file, { orders: 5, market: other }).join("\n");
  assert.match(words, /3 order replicas, and --orders says 5/);
  assert.match(words, /other items/);
  assert.match(words, /other sides/);
  assert.match(clusterDifferences(file, { market: { ...market, name: "nuts" } }).join(), /"fruit".*"nuts"/);
});

test("a cluster of the unsafe log is gone on with only where that log is asked for, and no other is", () => {
  const course: ClusterFile = { ...file, engine: "course" };
  assert.deepEqual(parseClusterFile(JSON.stringify(course)), { kind: "valid", file: course });
  assert.deepEqual(clusterDifferences(course, { engine: "course" }), []);
  assert.match(clusterDifferences(course, {}).join(), /its log is "course"/);
  assert.match(clusterDifferences(file, { engine: "course" }).join(), /its log is "embedded"/);
  assert.deepEqual(problemPaths({ ...file, engine: "paper" }), ["engine"]);
});
