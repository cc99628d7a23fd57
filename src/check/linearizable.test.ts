/** What the search judges and what it leaves to the other checker; its bound; what it tells. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../base/random.ts";
import { explain } from "./explanation.ts";
import { type HistoryHeader, historyOf, type Operation } from "./history.ts";
import { checkLinearizable } from "./linearizable.ts";
import { generate } from "./random-history.test-support.ts";

const complete: HistoryHeader = {
  complete: true,
  initial: ["A", "B"].map((item) => ({ item, quantity: 10, volume: 0, priceMinor: 5 })),
};

/** A buy of one, acknowledged, on an item of one letter. */
function buy(item: string, start: number, end: number, number: number): Operation {
  const key = `key-${number}`;
  return {
    client: 1,
    op: "order",
    start,
    end,
    item,
    side: "buy",
    quantity: 1,
    key,
    status: 200,
    position: 1,
    number,
  };
}

function read(item: string, start: number, end: number, quantity: number, volume: number): Operation {
  return { client: 2, op: "read", start, end, item, status: 200, position: 1, value: { quantity, volume } };
}

const judge = (operations: readonly Operation[], header = complete) =>
  checkLinearizable(historyOf(operations, header));

test("positions are never looked at: all may be the same", () => {
  const verdict = judge([buy("A", 0, 1, 0), read("A", 2, 3, 9, 1), buy("A", 4, 5, 1), read("A", 6, 7, 8, 2)]);
  assert.equal(verdict.kind, "ok");
  assert.deepEqual(
    verdict.items.map(({ item, exact, operations }) => [item, exact, operations]),
    [["A", true, 4]],
  );
});

test("each item is judged for itself, and one fault does not hide another", () => {
  const verdict = judge([
    buy("A", 0, 1, 0),
    read("A", 2, 3, 10, 0),
    buy("B", 0, 1, 1),
    read("B", 2, 3, 10, 0),
  ]);
  assert.deepEqual(
    verdict.contradictions.map((one) => (one.kind === "item" ? one.item : one.kind)),
    ["A", "B"],
  );
});

test("order numbers are one counter for all items", () => {
  const verdict = judge([buy("A", 0, 1, 4), buy("B", 2, 3, 3)]);
  assert.deepEqual(
    verdict.contradictions.map(({ kind }) => kind),
    ["numbers"],
  );
});

test("that two rows of a list are of one instant is not judged, and neither is what only two items exclude", () => {
  const rows = [
    { item: "A", quantity: 9, volume: 1 },
    { item: "B", quantity: 10, volume: 0 },
  ];
  const mixed: Operation = { client: 3, op: "list", start: 10, end: 20, status: 200, position: 1, rows };
  assert.equal(judge([buy("B", 0, 100, 0), buy("A", 0, 100, 1), mixed]).kind, "ok");
});

test("a search that comes to its bound is undecided, and never ok", () => {
  const { header, operations } = generate(seededRandom(3), { operations: 300, unknown: 0.3, unrecorded: 0 });
  const history = historyOf(operations, header);
  assert.equal(checkLinearizable(history).kind, "ok");
  for (const configurationsMax of [1, 5, 20]) {
    const verdict = checkLinearizable(history, { configurationsMax });
    assert.equal(verdict.kind, "undecided");
    assert(verdict.items.some(({ kind }) => kind === "undecided"));
    assert.deepEqual(verdict.contradictions, []);
  }
});

test("a fault in one item counts though another is undecided", () => {
  const { header, operations } = generate(seededRandom(3), { operations: 300, unknown: 0.3, unrecorded: 0 });
  const twice = [buy("Z", 0, 1, 90_000), { ...buy("Z", 2, 3, 90_001), key: "key-90000" }];
  const verdict = checkLinearizable(historyOf([...operations, ...twice], header), { configurationsMax: 5 });
  assert.equal(verdict.kind, "illegal");
});

test("the work grows with the length of a history, not with its power", () => {
  const items = Array.from({ length: 10 }, (_, i) => `Item${i}`);
  for (const [operations, unknown] of [
    [2_000, 0.01],
    [20_000, 0.01],
    [20_000, 0.1],
  ] as const) {
    const generated = generate(seededRandom(1), { operations, unknown, unrecorded: 0, spread: 800, items });
    const verdict = judge(generated.operations, generated.header);
    assert.equal(verdict.kind, "ok");
    const configurations = verdict.items.reduce((sum, item) => sum + item.configurations, 0);
    assert(configurations < operations * 2, `${configurations} configurations for ${operations} operations`);
  }
});

test("a dead end tells the order that came furthest, its states, and what cannot follow", () => {
  const history = historyOf(
    [
      buy("A", 0, 1, 0),
      read("A", 2, 3, 9, 1),
      buy("A", 4, 9, 1),
      read("A", 5, 6, 8, 2),
      read("A", 7, 8, 9, 1),
    ],
    complete,
  );
  const [contradiction] = checkLinearizable(history).contradictions;
  assert(contradiction?.kind === "item");
  const { placed, last, state, stuck } = contradiction.deadEnd;
  assert.equal(placed, 4);
  assert.equal(stuck, 4);
  assert.deepEqual([state.quantity, state.volume, state.placed], [8, 2, 2]);
  assert.deepEqual(
    last.map(({ line, state: after }) => [line, after.quantity]),
    [
      [0, 9],
      [1, 9],
      [2, 8],
      [3, 8],
    ],
  );
  const { violation, picture } = explain(history, contradiction);
  assert.equal(violation.rule, "linearizable");
  assert.match(picture, /order A buy 1 → status 200, position 1, number 1 +quantity 8, volume 2, 2 orders/);
  assert.match(
    picture,
    /then, at quantity 8, volume 2, 2 orders, not this.*\n +read A .*quantity 9, volume 1/,
  );
  assert.match(picture, /^client 2 .*\|-*[A-E]-*\|/m);
});

test("an order of unknown outcome stands in the order that comes furthest only where something needs it", () => {
  const lost: Operation = { ...buy("A", 0, 1, 0), end: null, status: null };
  const { number: _, ...unknown } = lost;
  const history = historyOf(
    [unknown, read("A", 2, 3, 10, 0), read("A", 4, 5, 9, 1), read("A", 6, 7, 8, 2)],
    complete,
  );
  const [contradiction] = checkLinearizable(history).contradictions;
  assert(contradiction?.kind === "item");
  assert.deepEqual(
    contradiction.deadEnd.last.map(({ line }) => line),
    [1, 0, 2],
  );
});
