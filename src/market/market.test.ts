import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatHash } from "../base/hash128.ts";
import { hashEveryCommands, hashesKept } from "../base/limits.ts";
import { itemId } from "../base/units.ts";
import { apply } from "./apply.ts";
import { decodeBatch, encodeBatch, encodeCommand } from "./codec.ts";
import type { Command } from "./command.ts";
import {
  acknowledgement,
  at,
  goods,
  inSession,
  named,
  openShop,
  order,
  Shop,
  someCommand,
  tick,
} from "./fixture.test-support.ts";
import { emptyMarket, findItem, listItems, marketState, replaceMarket, restoreMarket } from "./market.ts";

const commands = fc.array(someCommand, { minLength: 1, maxLength: 80 });
/** How to cut a list of commands into entries. */
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });

function cut(list: readonly Command[], lengths: readonly number[]): Command[][] {
  const entries: Command[][] = [];
  for (let from = 0, i = 0; from < list.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    entries.push(list.slice(from, from + length));
    from += length;
  }
  return entries;
}

test("a market that another's state replaced goes on exactly as the other one", () => {
  fc.assert(
    fc.property(commands, commands, commands, (own, others, further) => {
      const replaced = openShop();
      replaced.run(own);
      const other = openShop();
      other.run(others);
      replaceMarket(replaced.market, marketState(other.market));
      assert.deepEqual(marketState(replaced.market), marketState(other.market));
      const goesOn = new Shop(replaced.market);
      goesOn.keyAnswers.push(...other.keyAnswers);
      assert.deepEqual(goesOn.run(further), other.run(further));
    }),
  );
});

test("stock is what was supplied, less what was bought, plus what was sold, after any commands", () => {
  fc.assert(
    fc.property(commands, cuts, (list, lengths) => {
      const shop = openShop();
      for (const entry of cut(list, lengths)) shop.run(entry);
      const traded = new Map<number, { net: number; volume: number }>();
      for (const row of shop.orders) {
        for (const line of row.lines) {
          const sums = traded.get(line.id) ?? { net: 0, volume: 0 };
          sums.net += row.side === "buy" ? -line.quantity : line.quantity;
          sums.volume += line.quantity;
          traded.set(line.id, sums);
        }
      }
      for (const item of shop.items.values()) {
        const { net, volume } = traded.get(item.id) ?? { net: 0, volume: 0 };
        assert.equal(item.quantity, item.supplied + net);
        assert.equal(item.volume, volume);
        assert.ok(item.quantity >= 0 && item.quantity <= 100);
      }
      assert.deepEqual(
        shop.orders.map((row) => row.number),
        shop.orders.map((_, i) => i),
      );
    }),
  );
});

test("the state hash is the sum over all rows, and the rows are the state, after any commands", () => {
  fc.assert(
    fc.property(commands, cuts, (list, lengths) => {
      const shop = openShop();
      for (const entry of cut(list, lengths)) {
        shop.run(entry);
        const state = marketState(shop.market);
        assert.equal(formatHash(state.counters.hash), shop.recomputedHash());
        assert.deepEqual(shop.lastRows?.counters, state.counters);
        assert.deepEqual([...shop.items.values()], state.items);
        assert.equal(shop.sessionAnswers.size, state.sessionAnswers.length);
      }
    }),
  );
});

test("how commands are cut into entries changes neither replies nor state nor published hashes", () => {
  const many = fc.array(someCommand, { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(many, cuts, (list, lengths) => {
      // Enough commands before, so that a hash is published in the middle of the list.
      const quiet = Array.from({ length: hashEveryCommands - 5 }, () => acknowledgement(0));
      const [whole, parts] = [openShop(), openShop()];
      whole.run(quiet);
      parts.run(quiet);
      const atOnce = whole.run(list).replies;
      const inParts = cut(list, lengths).flatMap((entry) => parts.run(entry).replies);
      assert.deepEqual(inParts, atOnce);
      assert.deepEqual(marketState(parts.market), marketState(whole.market));
      assert.deepEqual(parts.orders, whole.orders);
    }),
  );
});

test("a restored market goes on exactly like the one that was saved", () => {
  fc.assert(
    fc.property(commands, commands, cuts, (before, after, lengths) => {
      const shop = openShop();
      for (const entry of cut(before, lengths)) shop.run(entry);
      const state = marketState(shop.market);
      const saved = structuredClone({ ...state, items: [...state.items].reverse() });
      const restored = restoreMarket(saved);
      const answers = [...shop.keyAnswers];
      const other = new Shop(restored);
      other.keyAnswers.push(...answers);
      for (const entry of cut(after, lengths)) assert.deepEqual(other.run(entry), shop.run(entry));
      assert.deepEqual(marketState(restored), marketState(shop.market));
    }),
  );
});

test("an entry that went through bytes is applied like the one that did not", () => {
  fc.assert(
    fc.property(commands, (list) => {
      const [plain, decoded] = [openShop(), openShop()];
      const batch = decodeBatch(encodeBatch(at, list.map(encodeCommand)));
      assert.deepEqual(decoded.run(batch.commands), plain.run(list));
    }),
  );
});

test("a session never fills two orders for one sequence, whatever comes in whatever order", () => {
  fc.assert(
    fc.property(commands, cuts, (list, lengths) => {
      const shop = openShop();
      const filled = new Set<string>();
      for (const entry of cut([...list, ...list], lengths)) {
        for (const [i, reply] of shop.run(entry).replies.entries()) {
          const command = entry[i];
          if (reply.kind !== "placed" || command?.kind !== "place") continue;
          const id = JSON.stringify(command.id);
          assert.ok(!filled.has(id), id);
          filled.add(id);
        }
      }
    }),
  );
});

test("state hashes are published at multiples and the last few are kept", () => {
  const shop = openShop();
  const count = hashEveryCommands * (hashesKept + 2);
  const seen = new Map<number, string>();
  for (let i = 0; shop.market.position < count; i++) {
    shop.one(
      i % 2 === 0 ? order(inSession(i), i % 4 === 0 ? "buy" : "sell", named("Rope", 1)) : acknowledgement(i),
    );
    if (shop.market.position % hashEveryCommands === 0) {
      seen.set(shop.market.position, formatHash(marketState(shop.market).counters.hash));
    }
  }
  const { hashes } = marketState(shop.market).counters;
  assert.deepEqual(
    hashes.map(({ position, hash }) => [position, formatHash(hash)]),
    [...seen].slice(-hashesKept),
  );
});

test("a hash published in the middle of an entry counts the items that the entry has changed by then", () => {
  const [whole, parts] = [openShop(), openShop()];
  for (const shop of [whole, parts]) {
    shop.run(Array.from({ length: hashEveryCommands - 4 }, () => acknowledgement(0)));
  }
  const orders = [0, 1, 2, 3].map((i) => order(inSession(i), "buy", named("Lamp", 1)));
  whole.run(orders);
  for (const command of orders) parts.one(command);
  const { hashes } = marketState(whole.market).counters;
  assert.equal(hashes.length, 1);
  assert.deepEqual(hashes, marketState(parts.market).counters.hashes);
});

test("the founding is the first command and no other", () => {
  const shop = openShop();
  assert.throws(() => shop.one({ kind: "found", definition: goods }), /founded once/);
  assert.throws(() => apply(emptyMarket(), { at, commands: [tick] }, () => undefined), /before the market/);
});

test("the founding entry carries the definition and every item, and no later one does", () => {
  const shop = new Shop();
  const { rows } = shop.run([{ kind: "found", definition: goods }]);
  assert.deepEqual(rows.definition, goods);
  assert.deepEqual(
    rows.items.map((item) => [item.id, item.name, item.changed]),
    [
      [1, "Lamp", 1],
      [2, "Rope", 1],
      [3, "Äpfel", 1],
    ],
  );
  assert.equal("definition" in shop.run([tick]).rows, false);
});

test("restocking fills up what has run low, at its ticks only, and counts as supplied", () => {
  const shop = openShop();
  shop.one(order(inSession(0), "buy", named("Lamp", 8)));
  shop.run([tick, tick]);
  assert.equal(shop.lastRows?.items.length, 0);
  const { rows } = shop.run([tick]);
  assert.deepEqual(
    rows.items.map((item) => [item.name, item.quantity, item.supplied, item.volume]),
    [
      ["Lamp", 20, 28, 8],
      ["Äpfel", 20, 20, 0],
    ],
  );
});

test("an empty entry changes nothing", () => {
  const shop = openShop();
  const before = marketState(shop.market);
  const { replies, rows } = shop.run([]);
  assert.deepEqual(replies, []);
  assert.deepEqual(rows.counters, before.counters);
});

test("items are found by id and by every spelling in A to Z", () => {
  const { market } = openShop();
  for (const name of ["Lamp", "lamp", "LAMP"]) assert.equal(findItem(market, { kind: "name", name })?.id, 1);
  assert.equal(findItem(market, { kind: "name", name: "ÄPFEL" })?.id, 3);
  assert.equal(findItem(market, { kind: "name", name: "äpfel" }), undefined);
  assert.equal(findItem(market, { kind: "id", id: itemId(2) })?.name, "Rope");
  assert.equal(findItem(market, { kind: "id", id: itemId(4) }), undefined);
});

for (const [what, filter, ids] of [
  ["all", { limit: 10 }, [1, 2, 3]],
  ["as many as asked for", { limit: 2 }, [1, 2]],
  ["those behind an id", { limit: 10, after: itemId(1) }, [2, 3]],
  ["a topic in any spelling", { limit: 10, topic: "hOME" }, [1]],
  ["no part of a topic", { limit: 10, topic: "Hom" }, []],
  ["a part of a name", { limit: 10, q: "AM" }, [1]],
  ["a part of a title", { limit: 10, q: "long R" }, [2]],
  ["what fits all conditions", { limit: 10, q: "p", topic: "home", after: itemId(1) }, []],
] as const) {
  test(`a list of items can be of ${what}`, () => {
    const { market } = openShop();
    assert.deepEqual(
      listItems(market, filter).map((item) => item.id),
      ids,
    );
  });
}
