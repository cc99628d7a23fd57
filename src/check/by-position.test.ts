/** Histories by hand: what a correct service can answer is accepted, and each rule has histories that it condemns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkByPosition } from "./by-position.ts";
import { type HistoryHeader, historyOf, type InitialItem, type Operation } from "./history.ts";
import type { Rule } from "./verdict.ts";

type More = Partial<Operation>;

/** A buy of FishCo at 1,000, acknowledged. */
function buy(start: number, end: number, position: number, number: number, more: More = {}): Operation {
  const value = { priceMinor: 1_000 };
  const asked = { client: 1, op: "order", start, end, item: "FishCo", side: "buy", quantity: 1 } as const;
  return { ...asked, key: `key-${number}`, status: 200, position, number, value, ...more };
}

/** A buy whose fate its client never learnt. */
function unknownBuy(start: number, key: string, more: More = {}): Operation {
  const asked = {
    client: 4,
    op: "order",
    start,
    end: null,
    item: "FishCo",
    side: "buy",
    quantity: 1,
  } as const;
  return { ...asked, key, status: null, ...more };
}

function read(
  start: number,
  end: number,
  position: number,
  quantity: number,
  volume: number,
  more: More = {},
): Operation {
  const value = { quantity, volume, priceMinor: 1_000 };
  return { client: 2, op: "read", start, end, item: "FishCo", status: 200, position, value, ...more };
}

function found(start: number, end: number, number: number, position: number, more: More = {}): Operation {
  const facts = { item: "FishCo", side: "buy", quantity: 1, value: { priceMinor: 1_000 } } as const;
  return { client: 3, op: "query", start, end, status: 200, position, number, ...facts, ...more };
}

function notFound(start: number, end: number, number: number): Operation {
  return { client: 3, op: "query", start, end, status: 404, number };
}

/** A list of FishCo and BoarCo as they were at a position. */
function list(
  start: number,
  end: number,
  position: number,
  fish: readonly [quantity: number, volume: number],
  boar: readonly [quantity: number, volume: number] = [10, 0],
): Operation {
  const rows = [
    { item: "FishCo", quantity: fish[0], volume: fish[1], priceMinor: 1_000 },
    { item: "BoarCo", quantity: boar[0], volume: boar[1], priceMinor: 1_000 },
  ];
  return { client: 6, op: "list", start, end, status: 200, position, rows };
}

function refused(
  start: number,
  end: number,
  position: number,
  available: number,
  more: More = {},
): Operation {
  const asked = { client: 1, op: "order", start, end, item: "FishCo", side: "buy", quantity: 50 } as const;
  const told = { status: 409, position, reason: "insufficient-stock", value: { quantity: available } };
  return { ...asked, ...told, ...more };
}

const fish: InitialItem = { item: "FishCo", quantity: 10, volume: 0, priceMinor: 1_000 };
const boar: InitialItem = { ...fish, item: "BoarCo" };
const complete: HistoryHeader = { complete: true, initial: [fish, boar] };
const open: HistoryHeader = { complete: false };

interface Case {
  readonly what: string;
  readonly header: HistoryHeader;
  readonly operations: readonly Operation[];
}

const good: readonly Case[] = [
  { what: "an empty history", header: complete, operations: [] },
  {
    what: "orders and reads one after another",
    header: complete,
    operations: [
      read(0, 1, 3, 10, 0),
      buy(2, 3, 5, 0),
      read(4, 5, 5, 9, 1),
      buy(6, 7, 6, 1),
      read(8, 9, 6, 8, 2),
    ],
  },
  {
    what: "a read that overlaps an order and does not see it, though a later one does",
    header: complete,
    operations: [buy(0, 10, 5, 0), read(1, 9, 3, 10, 0), read(11, 12, 5, 9, 1)],
  },
  {
    what: "a read that sees an order before its client does",
    header: complete,
    operations: [buy(0, 10, 5, 0), read(1, 2, 5, 9, 1)],
  },
  {
    what: "a read that begins in the very instant in which an order ended",
    header: complete,
    operations: [buy(0, 10, 5, 0), read(10, 11, 3, 10, 0)],
  },
  {
    what: "overlapping orders whose positions are against the order of their starts",
    header: complete,
    operations: [buy(0, 10, 6, 1), buy(1, 9, 5, 0), read(11, 12, 6, 8, 2)],
  },
  {
    what: "an order answered again under its key long afterwards, with its old position",
    header: complete,
    operations: [buy(0, 1, 5, 0), buy(2, 3, 6, 1), buy(4, 5, 5, 0, { client: 7 })],
  },
  {
    what: "an unknown order whose fate a retry learns",
    header: complete,
    operations: [unknownBuy(0, "key-0"), read(5, 6, 5, 9, 1), buy(8, 9, 5, 0), read(10, 11, 5, 9, 1)],
  },
  {
    what: "an unknown order that never happened",
    header: complete,
    operations: [unknownBuy(0, "lost"), read(5, 6, 3, 10, 0), buy(7, 8, 6, 0), read(9, 10, 6, 9, 1)],
  },
  {
    what: "an unknown order that happened, and shows in a read only",
    header: complete,
    operations: [
      unknownBuy(0, "lost", { quantity: 3 }),
      read(5, 6, 4, 7, 3),
      buy(7, 8, 6, 1),
      read(9, 10, 6, 6, 4),
    ],
  },
  {
    what: "an unknown order that a query finds",
    header: complete,
    operations: [unknownBuy(0, "lost"), found(5, 6, 0, 4), read(7, 8, 4, 9, 1)],
  },
  {
    what: "an unknown order that happens long after its client gave up",
    header: complete,
    operations: [unknownBuy(0, "lost", { end: 2, status: 504 }), read(5, 6, 3, 10, 0), read(9, 10, 8, 9, 1)],
  },
  {
    what: "a sale and a purchase",
    header: complete,
    operations: [buy(0, 1, 5, 0), buy(2, 3, 6, 1, { side: "sell", quantity: 4 }), read(4, 5, 6, 13, 5)],
  },
  {
    what: "the last copy bought after an unknown sale made it possible",
    header: complete,
    operations: [
      unknownBuy(0, "sale", { side: "sell", quantity: 5 }),
      buy(2, 3, 6, 1, { quantity: 15 }),
      read(4, 5, 6, 0, 20),
    ],
  },
  {
    what: "a refusal that tells what is left",
    header: complete,
    operations: [buy(0, 1, 5, 0), refused(2, 3, 6, 9), read(4, 5, 5, 9, 1), buy(6, 7, 7, 1)],
  },
  {
    what: "two items that do not touch each other",
    header: complete,
    operations: [buy(0, 1, 5, 0), read(2, 3, 3, 10, 0, { item: "BoarCo" }), read(4, 5, 5, 9, 1)],
  },
  {
    what: "other clients' orders, a restock and a new price between the recorded operations",
    header: open,
    operations: [
      read(0, 1, 3, 10, 0),
      buy(2, 3, 9, 4),
      read(4, 5, 9, 2, 8),
      read(6, 7, 20, 100, 8, { value: { quantity: 100, volume: 8, priceMinor: 2_000 } }),
    ],
  },
  {
    what: "a list without rows that shows an older state than a read of one item did",
    header: open,
    operations: [buy(0, 1, 9, 4), { client: 1, op: "list", start: 2, end: 3, status: 200, position: 7 }],
  },
  {
    what: "a list at an older position than was seen, since when none of its items has changed",
    header: complete,
    operations: [
      buy(0, 1, 5, 0),
      list(2, 3, 5, [9, 1]),
      buy(4, 5, 6, 1, { item: "MenhirCo" }),
      list(6, 7, 5, [9, 1]),
    ],
  },
  {
    what: "a list that shows an order before its client is answered, as do a read and a list after it",
    header: complete,
    operations: [buy(0, 10, 5, 0), list(1, 2, 5, [9, 1]), read(3, 4, 5, 9, 1), list(5, 6, 6, [9, 1])],
  },
  {
    what: "a list that overlaps an order and does not show it",
    header: complete,
    operations: [buy(0, 10, 5, 0), list(1, 9, 4, [10, 0]), list(11, 12, 5, [9, 1])],
  },
  {
    what: "a list that shows an order of unknown outcome",
    header: complete,
    operations: [unknownBuy(0, "lost"), list(5, 6, 4, [9, 1]), read(7, 8, 4, 9, 1)],
  },
  {
    what: "a read that begins while another one shows a state with an order that it does not",
    header: complete,
    operations: [
      buy(0, 20, 5, 0),
      buy(0, 20, 6, 1, { item: "BoarCo" }),
      read(1, 5, 6, 9, 1, { item: "BoarCo" }),
      read(4, 9, 3, 10, 0),
    ],
  },
  {
    what: "a query that does not find an order that is still under way",
    header: complete,
    operations: [buy(0, 10, 5, 0), notFound(1, 2, 0), found(11, 12, 0, 5)],
  },
];

const bad: readonly (Case & { readonly rule: Rule })[] = [
  {
    what: "two orders with one number",
    rule: "duplicate-number",
    header: open,
    operations: [buy(0, 1, 5, 7, { key: "a" }), buy(2, 3, 6, 7, { key: "b" })],
  },
  {
    what: "two orders without keys with one number",
    rule: "duplicate-number",
    header: open,
    operations: [0, 2].map((start) => {
      const { key: _, ...order } = buy(start, start + 1, 5, 7);
      return order;
    }),
  },
  {
    what: "two orders at one position",
    rule: "duplicate-position",
    header: open,
    operations: [buy(0, 5, 5, 0), buy(1, 4, 5, 1)],
  },
  {
    what: "numbers against positions",
    rule: "number-order",
    header: open,
    operations: [buy(0, 5, 5, 1), buy(1, 4, 6, 0)],
  },
  {
    what: "more numbers than positions between two orders",
    rule: "number-gap",
    header: open,
    operations: [buy(0, 1, 5, 0), buy(2, 3, 7, 3)],
  },
  {
    what: "a number that nobody has in a complete history",
    rule: "number-gap",
    header: complete,
    operations: [buy(0, 1, 5, 0), buy(2, 3, 9, 2)],
  },
  {
    what: "a read that does not show an order acknowledged before it began",
    rule: "real-time-read",
    header: open,
    operations: [buy(0, 1, 5, 0), read(2, 3, 4, 10, 0)],
  },
  {
    what: "a read that does not show an order that a query found before",
    rule: "real-time-read",
    header: open,
    operations: [found(0, 1, 0, 5), read(2, 3, 4, 10, 0)],
  },
  {
    what: "a read that goes back behind another client's read, while the order is still under way",
    rule: "backward-read",
    header: open,
    operations: [buy(0, 10, 5, 0), read(1, 2, 5, 9, 1), read(3, 4, 3, 10, 0, { client: 5 })],
  },
  {
    what: "a read of one front-end below what another had shown before the order was answered",
    rule: "backward-read",
    header: complete,
    operations: [
      read(0, 1, 3, 10, 0),
      buy(2, 20, 5, 0),
      read(3, 4, 3, 10, 0),
      read(5, 6, 5, 9, 1),
      read(7, 8, 3, 10, 0),
    ],
  },
  {
    what: "a read without an order that lies below what a read of another item had shown",
    rule: "older-state",
    header: complete,
    operations: [
      read(0, 1, 3, 10, 0),
      buy(2, 20, 5, 0),
      buy(2, 20, 6, 1, { item: "BoarCo" }),
      read(3, 4, 6, 9, 1, { item: "BoarCo" }),
      read(5, 6, 3, 10, 0),
    ],
  },
  {
    what: "a read without an order that a list had shown",
    rule: "older-state",
    header: complete,
    operations: [read(0, 1, 3, 10, 0), buy(2, 20, 5, 0), list(3, 4, 7, [9, 1]), read(5, 6, 3, 10, 0)],
  },
  {
    what: "a list that does not show an order acknowledged before it began",
    rule: "older-list",
    header: open,
    operations: [buy(0, 1, 5, 0), list(2, 3, 4, [10, 0])],
  },
  {
    what: "a list that does not show what a read had shown before the order was answered",
    rule: "older-list",
    header: complete,
    operations: [buy(0, 20, 5, 0), read(1, 2, 5, 9, 1), list(3, 4, 4, [10, 0])],
  },
  {
    what: "a list that goes back behind a list",
    rule: "older-list",
    header: complete,
    operations: [buy(0, 20, 5, 0), list(1, 2, 5, [9, 1]), list(3, 4, 4, [10, 0])],
  },
  {
    what: "an order under way that is not found after a read has shown it",
    rule: "lost-order",
    header: complete,
    operations: [buy(0, 20, 5, 0), read(1, 2, 5, 9, 1), notFound(3, 4, 0)],
  },
  {
    what: "a list of an older state than its position says",
    rule: "value",
    header: complete,
    operations: [buy(0, 1, 5, 0), list(2, 3, 5, [10, 0])],
  },
  {
    what: "a list whose volume rose by less than the orders since another list",
    rule: "value",
    header: open,
    operations: [list(0, 1, 3, [10, 0]), buy(2, 3, 5, 0, { quantity: 4 }), list(4, 5, 6, [6, 3])],
  },
  {
    what: "a list and a read with two values at one position",
    rule: "value-changed",
    header: open,
    operations: [read(0, 1, 5, 9, 1), list(2, 3, 5, [8, 1])],
  },
  {
    what: "a list that shows a stock below zero",
    rule: "negative-stock",
    header: open,
    operations: [list(0, 1, 5, [-1, 11])],
  },
  {
    what: "an order placed before one that had ended",
    rule: "real-time-order",
    header: open,
    operations: [buy(0, 1, 6, 1), buy(2, 3, 5, 0)],
  },
  {
    what: "an order on another item placed before one that had ended",
    rule: "real-time-order",
    header: open,
    operations: [buy(0, 1, 6, 1), buy(2, 3, 5, 0, { item: "BoarCo" })],
  },
  {
    what: "a read of an order that had not begun",
    rule: "real-time-order",
    header: open,
    operations: [read(0, 1, 5, 9, 1), buy(2, 3, 5, 0)],
  },
  {
    what: "a refusal for a stock that was seen gone before",
    rule: "real-time-refusal",
    header: open,
    operations: [buy(0, 1, 5, 0), refused(2, 3, 4, 10)],
  },
  {
    what: "an acknowledged order that is not found",
    rule: "lost-order",
    header: open,
    operations: [buy(0, 1, 5, 0), notFound(2, 3, 0)],
  },
  {
    what: "one key, two orders",
    rule: "key-two-numbers",
    header: open,
    operations: [buy(0, 1, 5, 0, { key: "a" }), buy(2, 3, 6, 1, { key: "a" })],
  },
  {
    what: "a replay with another price",
    rule: "answer-changed",
    header: open,
    operations: [buy(0, 1, 5, 0), buy(2, 3, 5, 0, { value: { priceMinor: 999 } })],
  },
  {
    what: "a query with another quantity",
    rule: "query-mismatch",
    header: open,
    operations: [buy(0, 1, 5, 0), found(2, 3, 0, 5, { quantity: 2 })],
  },
  {
    what: "a query with another side",
    rule: "query-mismatch",
    header: open,
    operations: [buy(0, 1, 5, 0), found(2, 3, 0, 5, { side: "sell" })],
  },
  {
    what: "a query that finds what nobody asked for",
    rule: "phantom-order",
    header: complete,
    operations: [buy(0, 1, 5, 0), found(2, 3, 1, 6)],
  },
  {
    what: "two values at one position",
    rule: "value-changed",
    header: open,
    operations: [read(0, 1, 5, 9, 1), read(2, 3, 5, 8, 1)],
  },
  {
    what: "a read whose position is another item's order",
    rule: "foreign-position",
    header: open,
    operations: [buy(0, 1, 5, 0), read(2, 3, 5, 10, 0, { item: "BoarCo" })],
  },
  {
    what: "a volume that rose by less than the orders between",
    rule: "value",
    header: open,
    operations: [read(0, 1, 3, 10, 0), buy(2, 3, 5, 0, { quantity: 4 }), read(4, 5, 5, 6, 3)],
  },
  {
    what: "a price at an order's position that is not the order's",
    rule: "value",
    header: open,
    operations: [
      buy(0, 1, 5, 0),
      read(2, 3, 5, 9, 1, { value: { quantity: 9, volume: 1, priceMinor: 1_001 } }),
    ],
  },
  {
    what: "an order applied twice",
    rule: "value",
    header: complete,
    operations: [buy(0, 1, 5, 0), read(2, 3, 5, 8, 2)],
  },
  {
    what: "an order that was acknowledged and not applied",
    rule: "value",
    header: complete,
    operations: [buy(0, 1, 5, 0), buy(2, 3, 6, 1), read(4, 5, 6, 9, 1)],
  },
  {
    what: "stock that came from nowhere",
    rule: "value",
    header: complete,
    operations: [buy(0, 1, 5, 0), read(2, 3, 5, 10, 1)],
  },
  {
    what: "a change at a position where nobody changed anything",
    rule: "value",
    header: complete,
    operations: [buy(0, 1, 5, 0), read(2, 3, 7, 9, 1)],
  },
  {
    what: "a read that shows more than any unknown order could have done",
    rule: "value",
    header: complete,
    operations: [unknownBuy(0, "lost", { quantity: 3 }), read(5, 6, 4, 5, 5)],
  },
  {
    what: "an unknown order that happened and is then undone",
    rule: "value",
    header: complete,
    operations: [unknownBuy(0, "lost"), read(5, 6, 4, 9, 1), buy(7, 8, 6, 1), read(9, 10, 6, 9, 1)],
  },
  {
    what: "an unknown order that shows before it began",
    rule: "value",
    header: complete,
    operations: [read(0, 1, 3, 10, 0), read(2, 3, 4, 9, 1), unknownBuy(5, "lost")],
  },
  {
    what: "a refusal with a wrong number of what was left",
    rule: "value",
    header: complete,
    operations: [buy(0, 1, 5, 0), refused(2, 3, 6, 8)],
  },
  {
    what: "more sold than there was",
    rule: "negative-stock",
    header: complete,
    operations: [buy(0, 1, 5, 0, { quantity: 8 }), buy(2, 3, 6, 1, { quantity: 3 })],
  },
  { what: "a stock below zero", rule: "negative-stock", header: open, operations: [read(0, 1, 5, -1, 11)] },
];

for (const { what, header, operations } of good) {
  test(`accepted: ${what}`, () => {
    const verdict = checkByPosition(historyOf(operations, header));
    assert.equal(verdict.kind, "ok", JSON.stringify(verdict));
    assert.equal(verdict.operations, operations.length);
  });
}

for (const { what, rule, header, operations } of bad) {
  test(`rejected by ${rule}: ${what}`, () => {
    const verdict = checkByPosition(historyOf(operations, header));
    assert(verdict.kind === "illegal", "the history was accepted");
    assert.deepEqual([...new Set(verdict.violations.map((violation) => violation.rule))], [rule]);
    assert(verdict.violations.every((violation) => violation.operations.length > 0));
  });
}
