/** Histories at random: the search must find what trying all orders finds, accept what a market did, and notice lies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { integerBetween, type Random, seededRandom } from "../base/random.ts";
import { someOrderExplains } from "./all-orders.test-support.ts";
import { checkByPosition } from "./by-position.ts";
import { type HistoryHeader, historyOf, type Operation } from "./history.ts";
import { checkLinearizable } from "./linearizable.ts";
import { type Generated, generate, type Plan } from "./random-history.test-support.ts";

/**
 * A few operations on one item whose answers are guesses not far from the truth, so that about half of the histories can be
 * explained.
 */
function guesses(random: Random, complete: boolean): { header: HistoryHeader; operations: Operation[] } {
  const between = (low: number, high: number): number => integerBetween(random, low, high);
  const initial = { item: "A", quantity: between(0, 4), volume: 0 };
  const operations: Operation[] = [];
  let number = 0;
  let quantity = initial.quantity;
  let volume = 0;
  const size = between(2, 6);
  for (let i = 0; i < size; i++) {
    const instant = i * 4;
    const interval = {
      client: i,
      start: Math.max(0, instant - between(0, 9)),
      end: instant + between(0, 9),
      item: "A",
    };
    const dice = random();
    const asked = {
      op: "order",
      side: random() < 0.6 ? "buy" : "sell",
      quantity: between(1, 3),
      key: `k${i}`,
    } as const;
    const change = asked.side === "buy" ? -asked.quantity : asked.quantity;
    if (dice < 0.25) {
      operations.push({ ...interval, ...asked, status: 200, position: 1, number: number++ });
      quantity += change;
      volume += asked.quantity;
    } else if (dice < 0.5) {
      operations.push({ ...interval, ...asked, end: null, status: null });
      if (random() < 0.5) {
        quantity += change;
        volume += asked.quantity;
      }
    } else if (dice < 0.62) {
      const told = random() < 0.5 ? {} : { value: { quantity: quantity + between(0, 1) } };
      operations.push({
        ...interval,
        ...asked,
        side: "buy",
        status: 409,
        reason: "insufficient-stock",
        ...told,
      });
    } else if (dice < 0.7) {
      operations.push({ ...interval, op: "query", status: 404, number: Math.max(0, number - between(0, 1)) });
    } else {
      const near = random() < 0.8 ? 0 : between(-1, 1);
      const value = {
        ...(random() < 0.8 ? { quantity: quantity + near } : {}),
        ...(random() < 0.8 ? { volume: Math.max(0, volume + near) } : {}),
      };
      operations.push({ ...interval, op: "read", status: 200, position: 1, value });
    }
  }
  return { header: complete ? { complete, initial: [initial] } : { complete }, operations };
}

for (const complete of [true, false]) {
  test(`the search agrees with trying all orders, ${complete ? "values exact" : "others taking part"}`, () => {
    const seen = { explained: 0, impossible: 0 };
    for (let seed = 0; seed < 4_000; seed++) {
      const { header, operations } = guesses(seededRandom(seed), complete);
      // A query for an order that nobody placed belongs to no item, and is not judged here.
      const numbers = new Set(operations.flatMap(({ op, number }) => (op === "order" ? [number] : [])));
      const judged = operations.filter(({ op, number }) => op !== "query" || numbers.has(number));
      const expected = someOrderExplains(header, judged);
      const verdict = checkLinearizable(historyOf(judged, header));
      assert.equal(
        verdict.kind,
        expected ? "ok" : "illegal",
        `seed ${seed}: ${JSON.stringify(judged, null, 1)}`,
      );
      seen[expected ? "explained" : "impossible"]++;
    }
    assert(Math.min(seen.explained, seen.impossible) > 400, JSON.stringify(seen));
  });
}

const plans: readonly (Plan & { readonly what: string })[] = [
  { what: "of known orders", operations: 200, unknown: 0, unrecorded: 0 },
  { what: "with orders of unknown outcome", operations: 200, unknown: 0.1, unrecorded: 0 },
  { what: "with many orders of unknown outcome", operations: 300, unknown: 0.6, unrecorded: 0 },
  { what: "of many at once", operations: 200, unknown: 0.1, unrecorded: 0, spread: 2_000 },
  { what: "recorded in part", operations: 200, unknown: 0.1, unrecorded: 0.4 },
];

for (const plan of plans) {
  test(`the search accepts every history ${plan.what} that a market can have answered`, () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { header, operations } = generate(seededRandom(seed), plan);
        const verdict = checkLinearizable(historyOf(operations, header));
        assert.equal(verdict.kind, "ok", JSON.stringify(verdict, null, 1));
      }),
      { numRuns: 150 },
    );
  });
}

type Lie = (operation: Operation, random: Random) => Operation | undefined;

const step = (random: Random): number => (random() < 0.5 ? -1 : 1) * integerBetween(random, 1, 3);

/** One observed value, changed; `undefined` where the operation has none. Each with the least share the search notices. */
const lies: Record<string, { readonly lie: Lie; readonly bySearch: number }> = {
  "a read's quantity": {
    bySearch: 1,
    lie: (read, random) => {
      if (read.op !== "read" || read.value?.quantity === undefined) return undefined;
      return { ...read, value: { ...read.value, quantity: read.value.quantity + step(random) } };
    },
  },
  "a read's volume": {
    bySearch: 1,
    lie: (read, random) => {
      if (read.op !== "read" || read.value?.volume === undefined) return undefined;
      return { ...read, value: { ...read.value, volume: read.value.volume + step(random) } };
    },
  },
  "a read's price": {
    bySearch: 1,
    lie: (read) => (read.op === "read" ? { ...read, value: { ...read.value, priceMinor: 999 } } : undefined),
  },
  "a row's volume": {
    bySearch: 1,
    lie: (list, random) => {
      const [first, ...rest] = list.rows ?? [];
      if (first?.volume === undefined) return undefined;
      return { ...list, rows: [{ ...first, volume: first.volume + step(random) }, ...rest] };
    },
  },
  "what was available": {
    // Another order of the same instants can make another number true.
    bySearch: 0.9,
    lie: (order, random) => {
      if (order.reason !== "insufficient-stock" || order.value?.quantity === undefined) return undefined;
      return { ...order, value: { quantity: order.value.quantity + step(random) } };
    },
  },
  "an order's number": {
    // One that nobody else has and no item's own orders exclude can be true but for its position.
    bySearch: 0.9,
    lie: (order, random) => {
      if (order.op !== "order" || order.number === undefined) return undefined;
      return { ...order, number: Math.max(0, order.number + step(random)) };
    },
  },
  "a query's quantity": {
    bySearch: 1,
    lie: (query) =>
      query.op === "query" && query.quantity !== undefined
        ? { ...query, quantity: query.quantity + 1 }
        : undefined,
  },
};

function corrupted({ operations }: Generated, lie: Lie, random: Random): Operation[] | undefined {
  const lied = operations.map((operation) => lie(operation, random));
  const places = lied.flatMap((operation, at) => (operation === undefined ? [] : [at]));
  if (places.length === 0) return undefined;
  const place = places[integerBetween(random, 0, places.length - 1)] as number;
  return operations.map((operation, at) => (at === place ? (lied[at] as Operation) : operation));
}

for (const [what, { lie, bySearch }] of Object.entries(lies)) {
  test(`one lie about ${what} is always noticed by one checker or the other`, (t) => {
    const noticed = { search: 0, positions: 0, all: 0 };
    for (let seed = 0; seed < 150; seed++) {
      const random = seededRandom(seed);
      const generated = generate(random, { operations: 150, unknown: 0, unrecorded: 0 });
      // Orders of unknown outcome could explain some lies: then they would be none.
      const known = generated.operations.filter(({ status }) => status !== null);
      const operations = corrupted({ ...generated, operations: known }, lie, random);
      if (operations === undefined) continue;
      const history = historyOf(operations, generated.header);
      const search = checkLinearizable(history).kind;
      const positions = checkByPosition(history).kind;
      assert(search === "illegal" || positions === "illegal", `seed ${seed}: nobody noticed`);
      noticed.all++;
      if (search === "illegal") noticed.search++;
      if (positions === "illegal") noticed.positions++;
    }
    t.diagnostic(`of ${noticed.all}: the search ${noticed.search}, positions ${noticed.positions}`);
    assert(noticed.all > 50);
    assert(noticed.search >= noticed.all * bySearch, JSON.stringify(noticed));
  });
}
