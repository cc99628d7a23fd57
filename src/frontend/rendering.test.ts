import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { itemId, orderNumber, position } from "../base/units.ts";
import type { OrderRow } from "../market/rows.ts";
import { decimal } from "./money.ts";
import { createRenderer } from "./rendering.ts";

test("a decimal is exact and carries no zero at its end", () => {
  const cases = [
    [1799, 2, "17.99"],
    [1500, 2, "15"],
    [1510, 2, "15.1"],
    [5, 2, "0.05"],
    [0, 2, "0"],
    [100, 0, "100"],
    [1001, 3, "1.001"],
    [Number.MAX_SAFE_INTEGER, 2, "90071992547409.91"],
  ] as const;
  for (const [minor, decimals, text] of cases) assert.equal(decimal(minor, decimals), text);
});

test("a decimal, with its point moved back, is the amount again", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 0, max: 4 }), (minor, decimals) => {
      const [whole, fraction = ""] = decimal(minor, decimals).split(".");
      assert.equal(BigInt(`${whole}${fraction.padEnd(decimals, "0")}`), BigInt(minor));
    }),
  );
});

const single: OrderRow = {
  number: orderNumber(7),
  position: position(12),
  side: "buy",
  status: "filled",
  shape: "single",
  lines: [{ id: itemId(1), name: "tux", quantity: 2, priceMinor: 2599 }],
  totalMinor: 5198,
  at: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
};

test("an order of one item shows its name, quantity and price at the top too", () => {
  const line = { id: 1, name: "tux", quantity: 2, price: 25.99, priceMinor: 2599 };
  assert.deepEqual(JSON.parse(createRenderer("USD").placed(single)), {
    order_number: 7,
    transaction_number: 7,
    type: "buy",
    status: "filled",
    lines: [line],
    name: "tux",
    quantity: 2,
    price: 25.99,
    total: 51.98,
    totalMinor: 5198,
    currency: "USD",
    at: "2026-01-02T03:04:05.006Z",
  });
});

test("an order of lines shows them only as lines, and its reference and customer", () => {
  const row: OrderRow = { ...single, shape: "lines", reference: 'r"1\\', customer: "🦊\u2028" };
  const shown = JSON.parse(createRenderer("JPY").order(row)) as Record<string, unknown>;
  assert.equal(shown.number, 7);
  assert.equal(shown.total, 5198);
  assert.equal(shown.reference, 'r"1\\');
  assert.equal(shown.customer, "🦊\u2028");
  for (const field of ["name", "quantity", "price", "order_number"]) assert.ok(!(field in shown));
});

test("any name survives its way through an item's JSON", () => {
  const item = {
    id: itemId(1),
    name: "",
    priceMinor: 1,
    quantity: 1,
    volume: 0,
    supplied: 1,
    changed: position(1),
  };
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      const shown = JSON.parse(createRenderer("USD").item({ ...item, name })) as { name: string };
      assert.equal(shown.name, name);
    }),
  );
});

test("every refusal has its status, reason and facts", () => {
  const { refusal } = createRenderer("USD");
  const of = { line: 1, id: itemId(3), name: "fox" };
  const cases = [
    [{ reason: "item-not-found", line: 0, item: "nix" }, 404, { item: "nix", line: 0 }],
    [
      { reason: "insufficient-stock", ...of, requested: 9, available: 4 },
      409,
      { name: "fox", line: 1, requested: 9, available: 4 },
    ],
    [
      { reason: "max-quantity-exceeded", ...of, requested: 9, available: 4 },
      409,
      { name: "fox", line: 1, requested: 9, available: 4 },
    ],
    [
      { reason: "price-changed", ...of, priceMinor: 999, limitMinor: 998 },
      409,
      { name: "fox", line: 1, priceMinor: 999, limitMinor: 998 },
    ],
    [{ reason: "side-not-allowed", side: "sell" }, 422, { type: "sell" }],
    [{ reason: "out-of-range", what: "The order's total" }, 422, undefined],
    [{ reason: "name-taken", name: "fox" }, 409, { name: "fox" }],
  ] as const;
  for (const [refused, status, facts] of cases) {
    const shown = refusal(refused);
    assert.equal(shown.status, status);
    assert.equal(shown.reason, refused.reason);
    assert.deepEqual(shown.facts, facts);
  }
});
