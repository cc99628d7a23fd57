import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operation } from "../check/history.ts";
import { chargesOf, type Ending, type LoggedOrder, tellCharge } from "./course-charges.ts";

const initial = [
  { item: "Lamp", quantity: 100, volume: 0, priceMinor: 5 },
  { item: "Vase", quantity: 1, volume: 0, priceMinor: 5 },
];
const header = { complete: true, positions: false, initial } as const;

let time = 0;
const after = () => ({ start: ++time, end: ++time });
const buy = (item: string, quantity: number, number: number): Operation => {
  return { client: 1, op: "order", ...after(), item, side: "buy", quantity, status: 200, number };
};
const read = (item: string, quantity: number, volume: number): Operation => {
  return { client: 2, op: "read", ...after(), item, status: 200, value: { quantity, volume } };
};
const query = (number: number, found?: { item: string; quantity: number }): Operation => {
  const side = found && ({ side: "buy" } as const);
  return { client: 1, op: "query", ...after(), number, status: found ? 200 : 404, ...found, ...side };
};
const lamp = (number: number, quantity: number): LoggedOrder => ({ number, name: "Lamp", quantity });

function chargedWith(operations: readonly Operation[], ending: Ending) {
  return chargesOf({ header, operations }, ending).map(({ kind, recording }) => [
    kind,
    recording.operations.map((one) => operations.indexOf(one)),
  ]);
}

test("nothing is charged where each order took effect once and is in all books", () => {
  const operations = [buy("Lamp", 4, 0), read("Lamp", 96, 4), query(0, { item: "Lamp", quantity: 4 })];
  const log = [lamp(0, 4)];
  assert.deepEqual(chargedWith(operations, { logs: [log, log, log], taken: new Map([["Lamp", 4]]) }), []);
});

test("lost is what was acknowledged and is not found, or is somebody else's", () => {
  const ending = { logs: [[lamp(0, 4)], [lamp(0, 1)], []], taken: new Map([["Lamp", 5]]) };
  assert.deepEqual(chargedWith([buy("Lamp", 4, 0), read("Lamp", 96, 4), query(0)], ending), [
    ["lost", [0, 2]],
  ]);
  const strangers = [buy("Lamp", 4, 0), query(0, { item: "Lamp", quantity: 1 })];
  assert.deepEqual(chargedWith(strangers, ending), [["lost", [0, 1]]]);
});

test("doubled is what is in the books under two numbers, and was seen", () => {
  const log = [lamp(0, 1), lamp(1, 4), lamp(2, 4), lamp(3, 16)];
  const ending = { logs: [log, [lamp(0, 1)], log], taken: new Map([["Lamp", 25]]) };
  const orders = [buy("Lamp", 1, 0), buy("Lamp", 4, 2), buy("Lamp", 16, 3)];
  assert.deepEqual(chargedWith([...orders, read("Lamp", 75, 25)], ending), [["doubled", [1, 2, 3]]]);
  assert.deepEqual(chargedWith(orders, ending), [], "nobody saw it");
});

test("which of the two it was is not told where the books can be read either way", () => {
  const ending = { logs: [[lamp(0, 4)], [lamp(0, 4), lamp(0, 4)], []], taken: new Map([["Lamp", 8]]) };
  assert.deepEqual(chargedWith([buy("Lamp", 4, 0), read("Lamp", 92, 8)], ending), []);
});

test("unrecorded is stock that was taken oftener than all books together tell", () => {
  const refused: Operation = {
    client: 1,
    op: "order",
    ...after(),
    item: "Vase",
    side: "buy",
    quantity: 1,
    status: 409,
    reason: "insufficient-stock",
    value: { quantity: 0 },
  };
  const ending = { logs: [[], [], []], taken: new Map([["Vase", 1]]) };
  assert.deepEqual(chargedWith([refused, read("Vase", 0, 1)], ending), [["unrecorded", [0]]]);
});

test("a stale read is charged with the order that it does not show, and explains no doubled one", () => {
  const log = [lamp(0, 1), lamp(1, 4)];
  const ending = { logs: [log, log, log], taken: new Map([["Lamp", 5]]) };
  const operations = [buy("Lamp", 1, 0), buy("Lamp", 4, 1), read("Lamp", 99, 1)];
  assert.deepEqual(chargedWith(operations, ending), [["stale read", [1, 2]]]);
});

test("one number of two orders is charged, and told with its picture", () => {
  const ending = { logs: [[lamp(0, 1)], [lamp(0, 4)]], taken: new Map([["Lamp", 5]]) };
  const operations = [buy("Lamp", 1, 0), buy("Lamp", 4, 0)];
  const charges = chargesOf({ header, operations }, ending);
  assert.deepEqual(
    charges.map(({ kind }) => kind),
    ["one number twice"],
  );
  const told = charges.map(tellCharge).join("\n");
  assert.match(told, /^one number twice: two orders were acknowledged/);
  assert.match(told, /^ {4}client 1 {2}\|-+A-+\| +\|-+B-+\|$/m);
});
