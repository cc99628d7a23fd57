import assert from "node:assert/strict";
import { test } from "node:test";
import { itemId } from "../base/units.ts";
import type { LineRequest } from "./command.ts";
import type { MarketDefinition } from "./definition.ts";
import {
  acknowledgement,
  at,
  goods,
  inSession,
  named,
  openShop,
  order,
  underKey,
} from "./fixture.test-support.ts";
import { findItem } from "./market.ts";

const lampId = { kind: "id", id: itemId(1) } as const;

test("a purchase takes stock, counts as volume and keeps the caller's spelling", () => {
  const shop = openShop();
  const command = { ...order(inSession(0), "buy", named("LAMP", 3)), reference: "R-1", customer: "Ada" };
  assert.deepEqual(shop.one(command), {
    kind: "placed",
    position: 3,
    order: {
      number: 0,
      position: 3,
      side: "buy",
      status: "filled",
      shape: "single",
      lines: [{ id: 1, name: "LAMP", quantity: 3, priceMinor: 500 }],
      totalMinor: 1_500,
      reference: "R-1",
      customer: "Ada",
      at,
    },
  });
  assert.deepEqual(findItem(shop.market, lampId), {
    id: 1,
    name: "Lamp",
    topic: "Home",
    priceMinor: 500,
    quantity: 7,
    volume: 3,
    supplied: 10,
    changed: 3,
  });
});

test("a sale adds stock and counts as volume", () => {
  const shop = openShop();
  assert.equal(shop.one(order(inSession(0), "sell", named("Lamp", 5))).kind, "placed");
  const item = findItem(shop.market, lampId);
  assert.deepEqual([item?.quantity, item?.volume, item?.supplied], [15, 5, 10]);
});

test("an order by id names the item canonically", () => {
  const reply = openShop().one(order(inSession(0), "buy", { item: lampId, quantity: 1 }));
  assert.equal(reply.kind === "placed" && reply.order.lines[0]?.name, "Lamp");
});

test("order numbers are dense from 0 and refusals use none", () => {
  const shop = openShop();
  const { replies } = shop.run([
    order(inSession(0), "buy", named("Lamp", 1)),
    order(inSession(1), "buy", named("Lamp", 11)),
    order(inSession(2), "buy", named("Lamp", 1)),
  ]);
  const numbers = replies.map((reply) => (reply.kind === "placed" ? reply.order.number : reply.kind));
  assert.deepEqual(numbers, [0, "refused", 1]);
  assert.deepEqual(
    replies.map((reply) => reply.position),
    [3, 4, 5],
  );
});

const lamp = { id: 1, name: "Lamp" };
const rope = { id: 2, name: "Rope" };
const buyOnly: MarketDefinition = { ...goods, sides: ["buy"] };
const { maxQuantity: _most, maxPerOrder: _perOrder, ...unbounded } = goods;
const dear: MarketDefinition = {
  ...unbounded,
  items: [{ name: "Lamp", priceMinor: 1_000_000_000_000, quantity: 1_000_000_000_000 }],
};

interface RefusalCase {
  readonly of: string;
  readonly definition?: MarketDefinition;
  readonly side: "buy" | "sell";
  readonly lines: readonly LineRequest[];
  readonly refusal: unknown;
}

const refusals: readonly RefusalCase[] = [
  {
    of: "a side that the market does not allow",
    definition: buyOnly,
    side: "sell",
    lines: [named("Lamp", 1)],
    refusal: { reason: "side-not-allowed", side: "sell" },
  },
  {
    of: "an unknown name, as it was spelt",
    side: "buy",
    lines: [named("Lamp", 1), named("Nix", 1)],
    refusal: { reason: "item-not-found", line: 1, item: "Nix" },
  },
  {
    of: "an unknown id",
    side: "buy",
    lines: [{ item: { kind: "id", id: itemId(9) }, quantity: 1 }],
    refusal: { reason: "item-not-found", line: 0, item: "9" },
  },
  {
    of: "the id 0, which no item has",
    side: "buy",
    lines: [{ item: { kind: "id", id: itemId(0) }, quantity: 1 }],
    refusal: { reason: "item-not-found", line: 0, item: "0" },
  },
  {
    of: "a name that differs in another letter than A to Z",
    side: "sell",
    lines: [named("äpfel", 1)],
    refusal: { reason: "item-not-found", line: 0, item: "äpfel" },
  },
  {
    of: "more than there is",
    side: "buy",
    lines: [named("Rope", 1), named("Lamp", 11)],
    refusal: { reason: "insufficient-stock", line: 1, ...lamp, requested: 11, available: 10 },
  },
  {
    of: "lines that only together are more than there is",
    side: "buy",
    lines: [named("Rope", 1), named("Lamp", 6), { item: lampId, quantity: 5 }],
    refusal: { reason: "insufficient-stock", line: 1, ...lamp, requested: 11, available: 10 },
  },
  {
    of: "more than one order may have",
    side: "buy",
    lines: [named("Rope", 30), named("rope", 11)],
    refusal: { reason: "max-quantity-exceeded", line: 0, ...rope, requested: 41, available: 40 },
  },
  {
    of: "a sale beyond what the market may hold",
    definition: { ...goods, maxQuantity: 60 },
    side: "sell",
    lines: [named("Rope", 6), named("Rope", 5)],
    refusal: { reason: "max-quantity-exceeded", line: 0, ...rope, requested: 11, available: 10 },
  },
  {
    of: "a sale beyond the largest stock there can be",
    definition: dear,
    side: "sell",
    lines: [named("Lamp", 1)],
    refusal: { reason: "max-quantity-exceeded", line: 0, ...lamp, requested: 1, available: 0 },
  },
  {
    of: "a purchase above the buyer's limit",
    side: "buy",
    lines: [named("Rope", 1, 150), named("Lamp", 1, 499)],
    refusal: { reason: "price-changed", line: 1, ...lamp, priceMinor: 500, limitMinor: 499 },
  },
  {
    of: "a sale below the seller's limit",
    side: "sell",
    lines: [named("Lamp", 1, 501)],
    refusal: { reason: "price-changed", line: 0, ...lamp, priceMinor: 500, limitMinor: 501 },
  },
  {
    of: "a total that no safe integer holds",
    definition: dear,
    side: "buy",
    lines: [named("Lamp", 9_000), named("Lamp", 8)],
    refusal: { reason: "out-of-range", what: "total" },
  },
];

for (const { of, definition, side, lines, refusal } of refusals) {
  test(`an order is refused because of ${of}, and nothing changes`, () => {
    const shop = openShop(definition ?? goods);
    const before = [1, 2, 3].map((id) => findItem(shop.market, { kind: "id", id: itemId(id) }));
    assert.deepEqual(shop.one(order(inSession(0), side, ...lines)), {
      kind: "refused",
      position: 3,
      refusal,
    });
    const after = [1, 2, 3].map((id) => findItem(shop.market, { kind: "id", id: itemId(id) }));
    assert.deepEqual(after, before);
    assert.deepEqual(shop.lastRows?.items, []);
    assert.equal(shop.orders.length, 0);
  });
}

test("limits that the price just meets let an order through", () => {
  const shop = openShop();
  assert.equal(shop.one(order(inSession(0), "buy", named("Lamp", 1, 500))).kind, "placed");
  assert.equal(shop.one(order(inSession(1), "sell", named("Lamp", 1, 500))).kind, "placed");
});

test("the whole stock, the whole room and the largest total can be had", () => {
  assert.equal(openShop().one(order(inSession(0), "buy", named("Lamp", 10))).kind, "placed");
  assert.equal(
    openShop({ ...goods, maxQuantity: 60 }).one(order(inSession(0), "sell", named("Rope", 10))).kind,
    "placed",
  );
  const reply = openShop(dear).one(order(inSession(0), "buy", named("Lamp", 9_007)));
  assert.equal(reply.kind === "placed" && reply.order.totalMinor, 9_007_000_000_000_000);
});

test("lines of one item are all filled and keep their own spelling", () => {
  const reply = openShop().one(order(inSession(0), "buy", named("Lamp", 4), named("lamp", 6)));
  assert.ok(reply.kind === "placed");
  assert.deepEqual(
    reply.order.lines.map((line) => [line.name, line.quantity]),
    [
      ["Lamp", 4],
      ["lamp", 6],
    ],
  );
  assert.equal(reply.order.totalMinor, 5_000);
});

test("a refusal leaves no sum behind for the next order of the same item", () => {
  const shop = openShop();
  shop.one(order(inSession(0), "buy", named("Lamp", 9), named("Lamp", 9)));
  assert.equal(shop.one(order(inSession(1), "buy", named("Lamp", 10))).kind, "placed");
});

test("an entry lists each changed item once, as it is at the end", () => {
  const shop = openShop();
  const { rows } = shop.run([
    order(inSession(0), "buy", named("Lamp", 1)),
    order(inSession(1), "buy", named("Rope", 1)),
    order(underKey(1), "buy", named("Lamp", 2)),
    acknowledgement(1),
  ]);
  assert.deepEqual(
    rows.items.map((item) => [item.name, item.quantity, item.changed]),
    [
      ["Lamp", 7, 5],
      ["Rope", 49, 4],
    ],
  );
});

test("a row once handed out never changes", () => {
  const shop = openShop();
  const before = findItem(shop.market, lampId);
  const copy = structuredClone(before);
  shop.one(order(inSession(0), "buy", named("Lamp", 1)));
  assert.deepEqual(before, copy);
  assert.notEqual(findItem(shop.market, lampId), before);
});
