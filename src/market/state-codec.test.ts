import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { hashesKept } from "../base/limits.ts";
import { itemId, position, sessionId } from "../base/units.ts";
import { encodeState, readState } from "./codec.ts";
import type { Command } from "./command.ts";
import { inSession, named, openShop, order, Shop, someCommand, tick } from "./fixture.test-support.ts";
import { marketState, restoreMarket } from "./market.ts";
import type { MarketState } from "./rows.ts";

const commands = fc.array(someCommand, { minLength: 1, maxLength: 60 });

/** The parts, joined, of a state that is encoded in parts of about so many bytes. */
function encoded(state: MarketState, partBytes = 10_000): Uint8Array {
  const joined = new ByteWriter();
  for (const part of encodeState(state, partBytes)) joined.raw(part);
  return joined.finish();
}

function decoded(bytes: Uint8Array): MarketState {
  const reader = new ByteReader(bytes);
  const state = readState(reader);
  reader.end();
  return state;
}

function stateAfter(list: readonly Command[]): MarketState {
  const shop = openShop();
  shop.run(list);
  return marketState(shop.market);
}

test("a state survives its bytes", () => {
  let sessions = 0;
  let answers = 0;
  fc.assert(
    fc.property(commands, (list) => {
      const state = stateAfter(list);
      sessions = Math.max(sessions, state.sessions.length);
      answers = Math.max(answers, state.sessionAnswers.length);
      assert.deepEqual(decoded(encoded(state)), state);
    }),
  );
  assert.ok(sessions > 1 && answers > 1, "the states had several sessions and answers");
});

test("a state's bytes are the same in parts of any size, and no part is much larger than asked for", () => {
  const state = stateAfter(
    Array.from({ length: 50 }, (_, i) => order(inSession(i), "buy", named("Rope", 1))),
  );
  const whole = encoded(state);
  for (const partBytes of [1, 50, 500]) {
    assert.deepEqual(encoded(state, partBytes), whole);
    // The first part holds the definition; the largest row here is far below 100 bytes.
    const [, ...parts] = encodeState(state, partBytes);
    assert.ok(parts.length > 1);
    assert.ok(parts.every((part) => part.length > 0 && part.length < partBytes + 100));
  }
});

test("a market that goes on from a state's bytes decides as the one that the state was taken of", () => {
  fc.assert(
    fc.property(commands, commands, (before, after) => {
      const shop = openShop();
      shop.run(before);
      const twin = new Shop(restoreMarket(decoded(encoded(marketState(shop.market)))));
      twin.keyAnswers.push(...shop.keyAnswers);
      assert.deepEqual(twin.run(after).replies, shop.run(after).replies);
      assert.deepEqual(marketState(twin.market), marketState(shop.market));
    }),
  );
});

test("published hashes travel with the state", () => {
  const state = stateAfter(Array.from({ length: 1_024 * (hashesKept + 2) }, () => tick));
  assert.equal(state.counters.hashes.length, hashesKept);
  assert.deepEqual(decoded(encoded(state)).counters.hashes, state.counters.hashes);
});

test("a state with flipped bits or cut short is refused as not decodable, or is one that a market can restore", () => {
  fc.assert(
    fc.property(commands, fc.nat(), fc.integer({ min: 0, max: 7 }), (list, where, bit) => {
      const bytes = encoded(stateAfter(list));
      assert.throws(() => decoded(bytes.subarray(0, where % bytes.length)), DecodeError);
      bytes[where % bytes.length] = (bytes[where % bytes.length] ?? 0) ^ (1 << bit);
      let state: MarketState;
      try {
        state = decoded(bytes);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
        return;
      }
      restoreMarket(state);
    }),
    { numRuns: 1_000 },
  );
});

const good = stateAfter([
  order(inSession(0), "buy", named("Lamp", 1)),
  order(inSession(1), "buy", named("Rope", 1)),
]);
const [lamp, rope] = good.items;
const [session] = good.sessions;
const [first] = good.sessionAnswers;
assert.ok(lamp !== undefined && rope !== undefined && session !== undefined && first !== undefined);

const damaged: Readonly<Record<string, Partial<MarketState>>> = {
  "an item too few": { items: good.items.slice(1) },
  "an item twice": { items: good.items.map((item) => (item.id === 2 ? lamp : item)) },
  "an item beyond its count": {
    items: good.items.map((item) => (item.id === 2 ? { ...item, id: itemId(9) } : item)),
  },
  "two items of one name": {
    items: good.items.map((item) => (item.id === 2 ? { ...item, name: "LAMP" } : item)),
  },
  "an item from the future": {
    items: good.items.map((item) => (item.id === 2 ? { ...item, changed: position(999) } : item)),
  },
  "a session twice": { sessions: [session, session] },
  "an answer of no session": { sessions: [] },
  "an answer twice": { sessionAnswers: [first, first] },
  "a client key's answer": { sessionAnswers: [{ ...first, id: { kind: "key", key: [1, 2, 3, 4] } }] },
  "an open sequence that is not below": { sessions: [{ ...session, below: 2, open: [2] }] },
  "open sequences that do not ascend": { sessions: [{ ...session, below: 5, open: [3, 3] }] },
  "a session from the future": {
    sessions: [session, { ...session, session: sessionId(good.counters.position + 1) }],
  },
  "a position from which nothing can follow": {
    counters: { ...good.counters, position: position(Number.MAX_SAFE_INTEGER) },
  },
  "hashes that do not ascend": {
    counters: {
      ...good.counters,
      hashes: [2, 2].map((at) => ({ position: position(at), hash: [0, 0, 0, 0] as const })),
    },
  },
  "more hashes than are kept": {
    counters: {
      ...good.counters,
      position: position(100),
      hashes: Array.from({ length: hashesKept + 1 }, (_, i) => ({
        position: position(i + 1),
        hash: [0, 0, 0, 0] as const,
      })),
    },
  },
};
for (const [what, change] of Object.entries(damaged)) {
  test(`a state with ${what} is refused`, () => {
    assert.throws(() => decoded(encoded({ ...good, ...change })), DecodeError);
  });
}
