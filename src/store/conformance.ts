/** The contract of `Store` as tests, which every adapter runs. The memory store says what each answer should be. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { equalHash } from "../base/hash128.ts";
import { type LogIndex, logIndex, orderNumber, type Term, term } from "../base/units.ts";
import type { Answer, MarketState, Rows } from "../market/rows.ts";
import { openMemoryStore } from "./memory.ts";
import type { OrderFilter, Store } from "./port.ts";
import { sampleEntries, sampleKey } from "./sample.ts";

export interface StoreSubject {
  /** A new, empty store. */
  open(): Promise<Store>;
  /** The same store again after `close`, if the adapter outlives its process. */
  reopen?(): Promise<Store>;
  /** Remove everything that was opened since the last call, whatever state it is in. */
  close(): Promise<void>;
}

/** The term of the sample's entry at `index`: it changes now and then. */
const sampleTerm = (index: LogIndex): Term => term(1 + Math.floor(index / 40));

/** Append the sample's next `count` entries to every store. */
export function feed(
  entries: Iterator<Rows>,
  from: LogIndex,
  count: number,
  stores: readonly Store[],
): LogIndex {
  let index = from;
  for (let i = 0; i < count; i++) {
    index = logIndex(index + 1);
    const rows = entries.next().value as Rows;
    for (const store of stores) store.append(index, sampleTerm(index), rows);
  }
  return index;
}

/** Tables have no order of their own. */
export function sorted(state: MarketState | undefined): MarketState | undefined {
  if (state === undefined) return undefined;
  return {
    ...state,
    items: state.items.toSorted((a, b) => a.id - b.id),
    sessions: state.sessions.toSorted((a, b) => a.session - b.session),
    sessionAnswers: state.sessionAnswers.toSorted((a, b) => a.position - b.position),
  };
}

export async function assertSameState(store: Store, model: Store): Promise<void> {
  const [actual, expected] = [await store.load(), await model.load()];
  assert.equal(actual.index, expected.index);
  assert.equal(actual.term, expected.term);
  assert.equal(actual.copying, expected.copying);
  assert.deepEqual(sorted(actual.state), sorted(expected.state));
}

const filters: readonly Omit<OrderFilter, "limit">[] = [
  {},
  { item: 2 },
  { customer: "customer 1" },
  { reference: "reference 2" },
  { item: 3, customer: "customer 2" },
  { item: 1, reference: "reference 1", customer: "customer 3" },
  { item: 99 },
  { customer: "nobody" },
  { after: orderNumber(300) },
  { item: 2, after: orderNumber(40), before: orderNumber(900) },
  { customer: "customer 2", before: orderNumber(500) },
  { before: orderNumber(0) },
];

export async function assertSameOrders(store: Store, model: Store): Promise<void> {
  for (const filter of filters) {
    for (const limit of [1, 7, 100_000]) {
      const asked = { ...filter, limit };
      assert.deepEqual(await store.orders(asked), await model.orders(asked), JSON.stringify(asked));
    }
  }
}

export function describeStore(name: string, subject: StoreSubject): void {
  describe(`a ${name} store`, () => {
    let store: Store;
    let model: Store;
    let entries: Iterator<Rows>;
    const append = (from: number, count: number): LogIndex =>
      feed(entries, logIndex(from), count, [store, model]);

    beforeEach(async () => {
      store = await subject.open();
      model = openMemoryStore();
      entries = sampleEntries({ seed: 1, ordersPerEntry: 8 });
    });
    afterEach(() => subject.close());

    it("is empty at first: index 0, no state, no order, no answer", async () => {
      assert.deepEqual(await store.load(), { index: 0, term: 0, state: undefined, copying: false });
      assert.equal(store.flushed, 0);
      assert.equal(await store.order(orderNumber(0)), undefined);
      assert.deepEqual(await store.orders({ limit: 10 }), []);
      assert.deepEqual(await store.answers([sampleKey(0)]), [undefined]);
      await store.flush();
      await store.room();
    });

    it("loads the state, index and term after the last entry that was appended", async () => {
      append(0, 1);
      await assertSameState(store, model);
      append(1, 200);
      await assertSameState(store, model);
    });

    it("has made everything durable when a flush that was asked for later is done", async () => {
      const index = append(0, 50);
      const flushed = store.flush();
      append(50, 1);
      await flushed;
      assert.ok(store.flushed >= index);
    });

    it("reads its own appends at once, and the same ones after they were written out", async () => {
      append(0, 150);
      const last = (await model.load()).state?.counters.nextOrder ?? 0;
      for (const when of ["at once", "after a flush"]) {
        for (let number = 0; number < last; number++) {
          const order = await store.order(orderNumber(number));
          assert.deepEqual(order, await model.order(orderNumber(number)), when);
        }
        assert.equal(await store.order(orderNumber(last)), undefined);
        await store.flush();
      }
    });

    it("filters orders, newest first, whether they are written out, waiting, or some of each", async () => {
      append(0, 200);
      await assertSameOrders(store, model);
      await store.flush();
      await assertSameOrders(store, model);
      append(200, 50);
      await assertSameOrders(store, model);
    });

    it("gives every order exactly once to a reader that pages with `before`", async () => {
      append(0, 150);
      await store.flush();
      append(150, 100);
      const paged = [];
      let before = orderNumber(Number.MAX_SAFE_INTEGER);
      for (;;) {
        const page = await store.orders({ item: 2, before, limit: 10 });
        paged.push(...page);
        const last = page.at(-1);
        if (last === undefined) break;
        before = last.number;
      }
      assert.deepEqual(paged, await model.orders({ item: 2, limit: 100_000 }));
    });

    it("knows every key's answer while it writes them out", async () => {
      const keys = Array.from({ length: 200 }, (_, n) => sampleKey(n));
      const pending: Promise<void>[] = [];
      let known = 0;
      for (let i = 0; i < 120; i++) {
        append(i, 1);
        const expected = await model.answers(keys);
        // No turn passes between the append and the question, but writes may end, and entries come, before the answer.
        const asked = store.answers(keys).then((answers) => {
          for (const [n, answer] of expected.entries()) if (answer) assert.deepEqual(answers[n], answer);
        });
        pending.push(asked);
        if (i % 7 === 0) pending.push(store.flush());
        if (i % 20 === 0) await Promise.all(pending.splice(0));
        known = expected.filter((answer) => answer !== undefined).length;
      }
      await Promise.all(pending);
      assert.ok(known > 50, "the sample has keys");
    });

    it("answers keys in the order asked, unknown ones as undefined, repeated ones each time", async () => {
      append(0, 100);
      const asked = [sampleKey(5), sampleKey(1_000_000), sampleKey(0), sampleKey(5)];
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(await store.answers(asked), await model.answers(asked));
        assert.ok((await store.answers(asked))[3] !== undefined);
        await store.flush();
      }
    });

    it("answers a key that was answered again after its lifetime with the newest, and keeps both", async () => {
      append(0, 30);
      await store.flush();
      const [old] = await model.answers([sampleKey(0)]);
      const rows = entries.next().value as Rows;
      assert.ok(old !== undefined);
      const again: Answer = { ...old, position: rows.counters.position, body: [9, 9, 9, 9] };
      for (const each of [store, model]) {
        each.append(logIndex(31), term(1), { ...rows, answers: [...rows.answers, again] });
      }
      for (const when of ["at once", "after a flush"]) {
        assert.deepEqual(await store.answers([sampleKey(0)]), [again], when);
        await store.flush();
      }
      assert.deepEqual(await store.digest(), await model.digest());
    });

    it("refuses an index that it has", () => {
      append(0, 1);
      const rows = entries.next().value as Rows;
      assert.throws(() => store.append(logIndex(1), term(1), rows), /the store is at 1, the entry at 1/);
    });

    it("recomputes the hash and the sums from its rows and finds nothing wrong", async () => {
      append(0, 300);
      await store.flush();
      const digest = await store.digest();
      assert.deepEqual(digest.problems, []);
      assert.ok(equalHash(digest.computed, digest.stored));
      assert.deepEqual(digest, await model.digest());
    });

    it("finds stock and volume that the orders do not explain", async () => {
      append(0, 20);
      const rows = entries.next().value as Rows;
      const oversold = rows.items.map((item, i) => (i === 0 ? { ...item, quantity: -1 } : item));
      assert.ok(oversold.length > 0, "the entry changes an item");
      store.append(logIndex(21), term(1), { ...rows, items: oversold });
      await store.flush();
      const problems = (await store.digest()).problems.join("\n");
      assert.match(problems, /oversold/);
      assert.match(problems, /supplied/);
    });

    const { reopen } = subject;
    if (reopen === undefined) return;

    it("is the same after it was closed and opened again, and goes on from there", async () => {
      const index = append(0, 120);
      await store.close();
      store = await reopen();
      assert.equal(store.flushed, index);
      await assertSameState(store, model);
      await assertSameOrders(store, model);
      append(index, 30);
      await assertSameState(store, model);
      await assertSameOrders(store, model);
      await store.flush();
      assert.deepEqual((await store.digest()).problems, []);
    });
  });
}
