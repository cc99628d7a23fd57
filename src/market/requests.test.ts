import assert from "node:assert/strict";
import { test } from "node:test";
import { answerLifetimeTicks } from "../base/limits.ts";
import { sessionId, ticks } from "../base/units.ts";
import type { RequestId } from "./command.ts";
import {
  acknowledgement,
  goods,
  inSession,
  named,
  openShop,
  order,
  Shop,
  tick,
  underKey,
} from "./fixture.test-support.ts";
import { marketState, restoreMarket } from "./market.ts";
import { sessionsMax } from "./sessions.ts";

/** The same market, but so many ticks later, without applying them. */
function later(shop: Shop, byTicks: number): Shop {
  const state = marketState(shop.market);
  const counters = { ...state.counters, ticks: ticks(state.counters.ticks + byTicks) };
  const next = new Shop(restoreMarket({ ...state, counters }));
  next.keyAnswers.push(...shop.keyAnswers);
  return next;
}

for (const [what, id] of [
  ["a session's sequence", inSession(0)],
  ["a client's key", underKey(7)],
] as const) {
  test(`${what} that comes again with the same body is replayed`, () => {
    const shop = openShop();
    const first = shop.one(order(id, "buy", named("Lamp", 1)));
    const again = shop.one(order(id, "buy", named("Lamp", 1)));
    assert.ok(first.kind === "placed" && again.kind === "replayed");
    assert.deepEqual(again.answer.outcome, { kind: "order", number: first.order.number });
    assert.equal(again.position, 4);
    assert.equal(again.answer.position, 3);
    assert.equal(shop.orders.length, 1);
  });

  test(`${what} that comes twice in one entry is replayed`, () => {
    const shop = openShop();
    const command = order(id, "buy", named("Lamp", 1));
    assert.deepEqual(
      shop.run([command, command]).replies.map((reply) => reply.kind),
      ["placed", "replayed"],
    );
    assert.equal(shop.lastRows?.answers.length, 1);
  });

  test(`${what} that comes with another body is refused and remembered nowhere`, () => {
    const shop = openShop();
    shop.one(order(id, "buy", named("Lamp", 1)));
    assert.deepEqual(shop.one(order(id, "buy", named("Lamp", 2))), { kind: "key-reused", position: 4 });
    assert.equal(shop.one(order(id, "buy", named("Lamp", 1))).kind, "replayed");
    assert.equal(shop.lastRows?.answers.length, 0);
  });

  test(`${what} replays a refusal even when the order would now succeed`, () => {
    const shop = openShop();
    const command = order(id, "buy", named("Lamp", 12));
    const refused = shop.one(command);
    shop.one(order(inSession(9), "sell", named("Lamp", 20)));
    const again = shop.one(command);
    assert.ok(again.kind === "replayed");
    assert.deepEqual(again.answer.outcome, { kind: "reply", reply: refused });
  });

  test(`${what} replays an added item as it was when it was added`, () => {
    const shop = openShop();
    const command = { kind: "add-item", id, item: { name: "Kite", priceMinor: 5, quantity: 1 } } as const;
    const added = shop.one(command);
    assert.ok(added.kind === "item-added");
    assert.equal(added.item.id, 4);
    shop.one(order(inSession(9), "buy", named("Kite", 1)));
    const again = shop.one(command);
    assert.deepEqual(again.kind === "replayed" && again.answer.outcome, { kind: "reply", reply: added });
  });
}

test("two keys that share their first word are two keys", () => {
  const shop = openShop();
  const other: RequestId = { kind: "key", key: [7, 1, 2, 4] };
  const { replies } = shop.run([
    order(underKey(7), "buy", named("Lamp", 1)),
    order(other, "buy", named("Lamp", 2)),
    order(underKey(7), "buy", named("Lamp", 1)),
  ]);
  assert.deepEqual(
    replies.map((reply) => reply.kind),
    ["placed", "placed", "replayed"],
  );
});

test("a key is remembered for its lifetime and free one tick later", () => {
  const shop = openShop();
  const command = order(underKey(1), "buy", named("Lamp", 1));
  shop.one(command);
  assert.equal(later(shop, answerLifetimeTicks).one(command).kind, "replayed");
  const next = later(shop, answerLifetimeTicks + 1);
  assert.equal(next.one(command).kind, "placed");
  assert.equal(next.one(command).kind, "replayed");
});

test("an unknown session is too old", () => {
  const shop = openShop();
  assert.deepEqual(shop.one(order(inSession(0, 77), "buy", named("Lamp", 1))), {
    kind: "too-old",
    position: 3,
  });
});

test("an acknowledged sequence is too old, and its answer is forgotten", () => {
  const shop = openShop();
  const command = order(inSession(0), "buy", named("Lamp", 1));
  shop.one(command);
  assert.equal(shop.one(acknowledgement(1)).kind, "done");
  assert.deepEqual(shop.lastRows?.forgotten, [{ session: 2, sequence: 0 }]);
  assert.equal(shop.one(command).kind, "too-old");
  assert.equal(shop.orders.length, 1);
});

test("a sequence left open keeps its answer", () => {
  const shop = openShop();
  shop.run([0, 1, 2].map((i) => order(inSession(i), "buy", named("Lamp", 1))));
  shop.one(acknowledgement(3, [1]));
  assert.deepEqual(
    shop.lastRows?.forgotten.map((row) => row.sequence),
    [0, 2],
  );
  assert.equal(shop.one(order(inSession(1), "buy", named("Lamp", 1))).kind, "replayed");
  shop.one(acknowledgement(3, []));
  assert.equal(shop.one(order(inSession(1), "buy", named("Lamp", 1))).kind, "too-old");
});

test("a sequence left open that never arrived is applied when it comes", () => {
  const shop = openShop();
  shop.one(acknowledgement(5, [3]));
  assert.equal(shop.one(order(inSession(3), "buy", named("Lamp", 1))).kind, "placed");
  assert.equal(shop.one(order(inSession(3), "buy", named("Lamp", 1))).kind, "replayed");
  assert.equal(shop.one(order(inSession(2), "buy", named("Lamp", 1))).kind, "too-old");
});

test("an acknowledgement that was delayed opens nothing again", () => {
  const shop = openShop();
  const command = order(inSession(3), "buy", named("Lamp", 1));
  shop.one(command);
  shop.one(acknowledgement(5, []));
  shop.one(acknowledgement(4, [3]));
  shop.one(acknowledgement(5, [3]));
  shop.one(acknowledgement(6, [3]));
  assert.equal(shop.one(command).kind, "too-old");
});

test("an older acknowledgement does not lower what is over", () => {
  const shop = openShop();
  shop.run([acknowledgement(5), acknowledgement(2)]);
  assert.equal(shop.one(order(inSession(4), "buy", named("Lamp", 1))).kind, "too-old");
  assert.equal(shop.one(order(inSession(5), "buy", named("Lamp", 1))).kind, "placed");
});

test("an acknowledgement of an unknown session is harmless", () => {
  const shop = openShop();
  assert.equal(shop.one(acknowledgement(9, [], 50)).kind, "done");
});

test("an acknowledgement far beyond every sequence is as cheap as one that is near", () => {
  const shop = openShop();
  shop.one(order(inSession(0), "buy", named("Lamp", 1)));
  shop.one(acknowledgement(Number.MAX_SAFE_INTEGER));
  assert.equal(shop.sessionAnswers.size, 0);
});

test("an answer that came and went inside an entry is in neither list", () => {
  const shop = openShop();
  const { rows } = shop.run([
    order(inSession(0), "buy", named("Lamp", 1)),
    order(inSession(1), "buy", named("Lamp", 1)),
    acknowledgement(1),
  ]);
  assert.deepEqual(rows.forgotten, []);
  assert.deepEqual(
    rows.answers.map((answer) => answer.position),
    [4],
  );
  assert.equal(shop.recomputedHash(), openHash(shop));
});

function openHash(shop: Shop): string {
  const { hash } = marketState(shop.market).counters;
  return [...hash]
    .reverse()
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("");
}

test("a session that idled beyond the lifetime is closed at a tick, with its answers", () => {
  const shop = openShop();
  shop.run([order(inSession(0), "buy", named("Lamp", 1)), { kind: "open-session" }]);
  const next = later(shop, answerLifetimeTicks + 3_600 - (answerLifetimeTicks % 3_600) - 1);
  next.run([order(inSession(0, 4), "buy", named("Lamp", 1)), tick]);
  assert.deepEqual(next.closed, [2]);
  assert.deepEqual(next.lastRows?.forgotten, [{ session: 2, sequence: 0 }]);
  assert.equal(next.one(order(inSession(1), "buy", named("Lamp", 1))).kind, "too-old");
  assert.equal(next.one(order(inSession(1, 4), "buy", named("Lamp", 1))).kind, "placed");
});

test("a session that idled for just the lifetime stays open", () => {
  const next = later(openShop(), answerLifetimeTicks - 1);
  next.one(tick);
  assert.deepEqual(next.closed, []);
});

test("at the bound of sessions the one idle for longest makes room", () => {
  const shop = openShop();
  shop.run(Array.from({ length: sessionsMax - 1 }, () => ({ kind: "open-session" }) as const));
  assert.deepEqual(shop.closed, []);
  shop.run([tick, acknowledgement(0, [], 2), { kind: "open-session" }]);
  assert.deepEqual(shop.closed, [3]);
  assert.equal(shop.market.sessions.size, sessionsMax);
  assert.ok(shop.market.sessions.has(sessionId(2)));
});

test("an item whose name is taken in any spelling, or whose stock is beyond the market's, is refused", () => {
  const shop = openShop(goods);
  const { replies } = shop.run([
    { kind: "add-item", id: underKey(1), item: { name: "lAMP", priceMinor: 1, quantity: 1 } },
    { kind: "add-item", id: underKey(2), item: { name: "Kite", priceMinor: 1, quantity: 101 } },
  ]);
  assert.deepEqual(
    replies.map((reply) => reply.kind === "refused" && reply.refusal),
    [
      { reason: "name-taken", name: "lAMP" },
      { reason: "out-of-range", what: "quantity" },
    ],
  );
});
