/** What a store's contract says of freezing a state and of copying one, as tests that every adapter runs. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ByteReader } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { logIndex, orderNumber, position, term } from "../base/units.ts";
import { readAnswer, readOrder } from "../market/codec.ts";
import type { Answer, OrderRow, Rows } from "../market/rows.ts";
import { assertSameOrders, assertSameState, feed, type StoreSubject, sorted } from "./conformance.ts";
import { openMemoryStore } from "./memory.ts";
import type { Copy, Frozen, Store } from "./port.ts";
import { sampleEntries, sampleKey } from "./sample.ts";

/** Small, so that a state takes many ranges. */
const pageBytes = 2_000;

function decoded<Row>(page: Uint8Array, read: (reader: ByteReader) => Row): Row[] {
  const reader = new ByteReader(page);
  const rows = Array.from({ length: reader.varint() }, () => read(reader));
  reader.end();
  return rows;
}

async function allOrders(frozen: Frozen): Promise<OrderRow[]> {
  const orders: OrderRow[] = [];
  for (;;) {
    const page = decoded(await frozen.orders(orderNumber(orders.length), pageBytes), readOrder);
    if (page.length === 0) return orders;
    orders.push(...page);
  }
}

async function allAnswers(frozen: Frozen): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (;;) {
    const page = await frozen.answers(answers.at(-1)?.position ?? position(0), pageBytes);
    const more = decoded(page, readAnswer);
    if (more.length === 0) return answers;
    answers.push(...more);
  }
}

/** Give the copy one range more of what it lacks; false if it lacks none. */
async function copyRange(frozen: Frozen, copy: Copy): Promise<boolean> {
  const orders = await frozen.orders(copy.nextOrder, pageBytes);
  if (orders[0] !== 0) {
    await copy.addOrders(orders);
    return true;
  }
  const answers = await frozen.answers(copy.answersThrough, pageBytes);
  if (answers[0] === 0) return false;
  await copy.addAnswers(answers);
  return true;
}

async function copyAll(frozen: Frozen, copy: Copy): Promise<number> {
  let ranges = 0;
  while (await copyRange(frozen, copy)) ranges++;
  await copy.install(frozen.index, frozen.term, frozen.state);
  return ranges;
}

const failsWith = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof OperatingFailure, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

export function describeCopying(name: string, subject: StoreSubject): void {
  describe(`a ${name} store that is copied`, () => {
    let store: Store;
    let model: Store;
    let entries: Iterator<Rows>;

    beforeEach(async () => {
      store = await subject.open();
      model = openMemoryStore();
      entries = sampleEntries({ seed: 4, ordersPerEntry: 8 });
    });
    afterEach(() => subject.close());

    it("shows one state to whoever copies it, in ranges, while it goes on", async () => {
      feed(entries, logIndex(0), 120, [store, model]);
      const [frozen, expected] = [await store.freeze(), await model.freeze()];
      feed(entries, logIndex(120), 100, [store]);
      await store.flush();
      assert.deepEqual([frozen.index, frozen.term], [120, 4]);
      assert.deepEqual(sorted(frozen.state), sorted(expected.state));
      const orders = await allOrders(frozen);
      assert.ok(orders.length > 300);
      assert.deepEqual(orders, await allOrders(expected));
      const answers = await allAnswers(frozen);
      assert.ok(answers.length > 100);
      assert.deepEqual(answers, await allAnswers(expected));
      await frozen.close();
    });

    it("gives at least one row however little is asked for, and none beyond the last", async () => {
      feed(entries, logIndex(0), 50, [store]);
      const frozen = await store.freeze();
      assert.equal(decoded(await frozen.orders(orderNumber(3), 1), readOrder)[0]?.number, 3);
      assert.equal(decoded(await frozen.answers(position(0), 1), readAnswer).length, 1);
      const { nextOrder, position: last } = frozen.state.counters;
      assert.deepEqual([...(await frozen.orders(nextOrder, pageBytes))], [0]);
      assert.deepEqual([...(await frozen.answers(last, pageBytes))], [0]);
      await frozen.close();
    });

    it("has no state to freeze and no digest while it is empty or being copied itself", async () => {
      await assert.rejects(store.freeze(), failsWith("unavailable", /empty/));
      await assert.rejects(store.digest(), failsWith("unavailable", /empty/));
      feed(entries, logIndex(0), 5, [store]);
      await store.copy();
      await assert.rejects(store.freeze(), failsWith("unavailable", /being copied/));
      await assert.rejects(store.digest(), failsWith("unavailable", /being copied/));
    });
  });

  describe(`a ${name} store that is given a copy`, () => {
    let store: Store;
    /** Whose state is copied. */
    let source: Store;
    let entries: Iterator<Rows>;

    beforeEach(async () => {
      store = await subject.open();
      source = openMemoryStore();
      entries = sampleEntries({ seed: 5, ordersPerEntry: 8 });
    });
    afterEach(() => subject.close());

    async function assertSame(): Promise<void> {
      await assertSameState(store, source);
      await assertSameOrders(store, source);
      const keys = Array.from({ length: 400 }, (_, n) => sampleKey(n));
      assert.deepEqual(await store.answers(keys), await source.answers(keys));
      const digest = await store.digest();
      assert.deepEqual(digest.problems, []);
      assert.deepEqual(digest, await source.digest());
    }

    for (const own of [0, 70]) {
      const which = own === 0 ? "empty" : "behind";
      it(`is the same as the other when it was ${which}, and both go on alike`, async () => {
        feed(entries, logIndex(0), own, [store, source]);
        feed(entries, logIndex(own), 200 - own, [source]);
        const before = (await store.load()).state?.counters.nextOrder ?? 0;
        const copy = await store.copy();
        assert.equal(copy.nextOrder, before);
        assert.ok((await copyAll(await source.freeze(), copy)) > 10, "the copy took many ranges");
        assert.equal(store.flushed, 200);
        await assertSame();
        feed(entries, logIndex(200), 60, [store, source]);
        await assertSame();
        await store.flush();
        await assertSame();
      });
    }

    it("is copying from the first call until the installation, and takes no entry meanwhile", async () => {
      feed(entries, logIndex(0), 20, [store, source]);
      const own = await store.load();
      feed(entries, logIndex(20), 30, [source]);
      const copy = await store.copy();
      const frozen = await source.freeze();
      await copyRange(frozen, copy);
      const loaded = await store.load();
      assert.equal(loaded.copying, true);
      assert.deepEqual([loaded.index, sorted(loaded.state)], [20, sorted(own.state)]);
      const rows = entries.next().value as Rows;
      assert.throws(() => store.append(logIndex(51), term(2), rows), /a copy is under way/);
      await copyAll(frozen, copy);
      assert.equal((await store.load()).copying, false);
    });

    it("refuses ranges that leave a gap, come twice or are malformed, and goes on with right ones", async () => {
      feed(entries, logIndex(0), 100, [source]);
      const frozen = await source.freeze();
      const copy = await store.copy();
      const orders = await frozen.orders(orderNumber(0), pageBytes);
      const answers = await frozen.answers(position(0), pageBytes);
      const wrong = failsWith("wrong-data", /the copy is refused/);
      await assert.rejects(copy.addOrders(await frozen.orders(orderNumber(1), pageBytes)), wrong);
      await assert.rejects(copy.addOrders(orders.subarray(0, -1)), wrong);
      // A count of 2^32, and not one row.
      await assert.rejects(copy.addOrders(Uint8Array.from([0x80, 0x80, 0x80, 0x80, 0x10])), wrong);
      await copy.addOrders(orders);
      await assert.rejects(copy.addOrders(orders), wrong);
      await copy.addAnswers(answers);
      await assert.rejects(copy.addAnswers(answers), wrong);
      await assert.rejects(copy.addAnswers(Uint8Array.from([1, 9])), wrong);
      await assert.rejects(copy.install(frozen.index, frozen.term, frozen.state), wrong);
      await copyAll(frozen, copy);
      await assertSame();
    });

    it("forgets what was copied if it does not make up the state, and keeps its own", async () => {
      feed(entries, logIndex(0), 40, [store, source]);
      feed(entries, logIndex(40), 60, [source]);
      const frozen = await source.freeze();
      const copy = await store.copy();
      const [nextOrder, answersThrough] = [copy.nextOrder, copy.answersThrough];
      while (await copyRange(frozen, copy));
      const { state } = frozen;
      const items = state.items.map((item, i) => (i === 0 ? { ...item, title: "another" } : item));
      await assert.rejects(
        copy.install(frozen.index, frozen.term, { ...state, items }),
        failsWith("wrong-data", /make up the state|the state says/),
      );
      assert.deepEqual([copy.nextOrder, copy.answersThrough], [nextOrder, answersThrough]);
      await copyAll(frozen, copy);
      await assertSame();
    });

    it("takes an older state than the one that was being copied, but none older than its own", async () => {
      const early = feed(entries, logIndex(0), 30, [store, source]);
      const older = await source.freeze();
      feed(entries, early, 20, [store, source]);
      feed(entries, logIndex(50), 50, [source]);
      const wanted = await source.freeze();
      const expected = await source.load();
      feed(entries, logIndex(100), 30, [source]);
      const newer = await source.freeze();
      const copy = await store.copy();
      while (await copyRange(newer, copy));
      await assert.rejects(
        copy.install(older.index, older.term, older.state),
        failsWith("wrong-data", /the copy is refused/),
      );
      await copyAll(wanted, copy);
      assert.deepEqual(sorted((await store.load()).state), sorted(expected.state));
      assert.deepEqual((await store.digest()).problems, []);
      // Nothing is left of the newer state: the same entries find their place.
      const again = sampleEntries({ seed: 5, ordersPerEntry: 8 });
      for (let i = 0; i < 100; i++) again.next();
      feed(again, logIndex(100), 30, [store]);
      await assertSame();
    });

    const { reopen } = subject;
    if (reopen === undefined) return;

    it("goes on with a copy wherever it broke off, also from a newer state", async () => {
      feed(entries, logIndex(0), 25, [store, source]);
      let at = feed(entries, logIndex(25), 150, [source]);
      for (let round = 0; ; round++) {
        const copy = await store.copy();
        const frozen = await source.freeze();
        let more = true;
        for (let range = 0; range <= round && more; range++) more = await copyRange(frozen, copy);
        if (!more) {
          await copy.install(frozen.index, frozen.term, frozen.state);
          assert.ok(round > 3, "the copy broke off several times");
          break;
        }
        const progress = [copy.nextOrder, copy.answersThrough];
        await store.close();
        store = await reopen();
        assert.equal((await store.load()).copying, true);
        const resumed = await store.copy();
        assert.deepEqual([resumed.nextOrder, resumed.answersThrough], progress);
        at = feed(entries, at, 5, [source]);
      }
      await store.close();
      store = await reopen();
      assert.equal(store.flushed, at);
      await assertSame();
      feed(entries, at, 20, [store, source]);
      await assertSame();
    });
  });
}
