import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { OperatingFailure } from "../base/failure.ts";
import { logIndex, orderNumber, position } from "../base/units.ts";
import { openMemoryStore } from "../store/memory.ts";
import type { Store } from "../store/port.ts";
import { Listener } from "../wire/listener.ts";
import {
  assertSame,
  copyOptions,
  counting,
  Feed,
  freezingAs,
  openSource,
  sorted,
  storeOf,
  type TestSource,
} from "./copy.test-support.ts";
import { copySourceLimits } from "./copy-source.ts";
import { type CopyStateOptions, copyState } from "./copy-state.ts";

const entries = 300;

async function orderCount(store: Store): Promise<number> {
  return (await store.load()).state?.counters.nextOrder ?? 0;
}

/** A source of `store` that does something before each range of orders is read: `act` is told how many came before. */
function watchedSource(
  t: TestContext,
  id: number,
  store: Store,
  act: (ranges: number) => Promise<void> | void,
): Promise<TestSource> {
  let ranges = 0;
  const watched = freezingAs(store, (frozen) => ({
    ...frozen,
    answers: (after, maxBytes) => frozen.answers(after, maxBytes),
    close: () => frozen.close(),
    orders: async (from, maxBytes) => {
      await act(ranges++);
      return frozen.orders(from, maxBytes);
    },
  }));
  return openSource(t, id, watched);
}

test("a copy in many small pieces is the source's state, to the last row", async (t) => {
  const model = storeOf(entries);
  const source = await openSource(t, 2, model);
  const store = openMemoryStore();
  const counted = counting(store);
  const options = copyOptions(counted, [source], { atLeast: logIndex(entries) });
  const copied = await copyState(options);
  await assertSame(store, model);
  const { index, term, state } = await model.load();
  assert.deepEqual({ ...copied, state: sorted(copied.state) }, { index, term, state: sorted(state) });
  assert.ok(counted.orders > 2_000, `${counted.orders} orders`);
  assert.ok(counted.ranges > 40, `${counted.ranges} ranges`);
  const at = state?.counters.position;
  assert.deepEqual(options.events, [
    { kind: "snapshot-started", from: "order-2", position: at },
    { kind: "snapshot-installed", from: "order-2", position: at },
  ]);
});

test("a replica that fell behind keeps what it has and copies only the rest", async (t) => {
  const feed = new Feed();
  const model = openMemoryStore();
  const store = openMemoryStore();
  feed.append(100, model, store);
  const before = await orderCount(store);
  feed.append(100, model);
  const source = await openSource(t, 2, model);
  const counted = counting(store);
  await copyState(copyOptions(counted, [source], { atLeast: logIndex(150) }));
  await assertSame(store, model);
  assert.equal(counted.orders, (await orderCount(model)) - before);
});

test("when the source dies midway another one takes over, and nothing is copied twice", async (t) => {
  const feed = new Feed();
  const first = openMemoryStore();
  const second = openMemoryStore();
  feed.append(entries, first, second);
  feed.append(5, second);
  const dying: TestSource = await watchedSource(t, 2, first, (ranges) => {
    if (ranges === 10) void dying.close();
  });
  const other = await openSource(t, 3, second);
  const store = openMemoryStore();
  const counted = counting(store);
  const options = copyOptions(counted, [dying, other]);
  await copyState(options);
  await assertSame(store, second);
  assert.equal(counted.orders, await orderCount(second));
  assert.deepEqual(
    options.events.map((event) => "from" in event && `${event.kind} ${event.from}`),
    ["snapshot-started order-2", "snapshot-started order-3", "snapshot-installed order-3"],
  );
});

test("an aborted copy rejects with the reason, and a later one goes on where it stopped", async (t) => {
  const model = storeOf(entries);
  const store = openMemoryStore();
  const counted = counting(store);
  const abort = new AbortController();
  const reason = new Error("the replica stops");
  const held = Promise.withResolvers<void>();
  const source = await watchedSource(t, 2, model, (ranges) => {
    if (ranges !== 10) return;
    abort.abort(reason);
    return held.promise;
  });
  await assert.rejects(copyState(copyOptions(counted, [source], { signal: abort.signal })), reason);
  held.resolve();
  assert.equal((await store.load()).copying, true);
  assert.ok(counted.orders > 0, "some orders were stored");
  await copyState(copyOptions(counted, [source]));
  await assertSame(store, model);
  assert.equal(counted.orders, await orderCount(model));
});

test("a copy that no source answers is aborted between two rounds", async () => {
  const listener = await Listener.open({ host: "127.0.0.1", port: 0 }, () => ({ frame() {}, closed() {} }));
  const { port } = listener;
  await listener.close();
  const abort = new AbortController();
  const gone = { address: { id: 2, name: "order-2", host: "127.0.0.1", port }, close: async () => {} };
  const copying = copyState(copyOptions(openMemoryStore(), [gone], { signal: abort.signal }));
  setImmediate(() => abort.abort(new Error("enough")));
  await assert.rejects(copying, /enough/);
});

test("a source that is behind refuses, and is taken once it has caught up", async (t) => {
  const feed = new Feed();
  const model = openMemoryStore();
  feed.append(10, model);
  let asked = 0;
  const store = freezingAs(model, (frozen) => frozen);
  const slow = {
    freeze: () => store.freeze(),
    get flushed() {
      return store.flushed;
    },
    flush: async () => {
      if (++asked === 3) feed.append(10, model);
    },
  };
  const source = await openSource(t, 2, slow);
  const copy = openMemoryStore();
  const options = copyOptions(copy, [source], { atLeast: logIndex(20) });
  const { index } = await copyState(options);
  assert.equal(index, 20);
  assert.equal(asked, 3);
  await assertSame(copy, model);
});

test("a state from before the rows that were copied already is taken, and what is beyond it goes", async (t) => {
  const feed = new Feed();
  const [old, model] = [openMemoryStore(), openMemoryStore()];
  feed.append(100, old, model);
  feed.append(100, model);
  const store = openMemoryStore();
  const counted = counting(store);
  const few = await orderCount(old);
  const dying: TestSource = await watchedSource(t, 2, model, () => {
    if (counted.orders > few) void dying.close();
  });
  const other = await openSource(t, 3, old);
  await copyState(copyOptions(counted, [dying, other]));
  assert.ok(counted.orders > few);
  await assertSame(store, old);
});

test("the copy is the state at its index, whatever is ordered at the source meanwhile", async (t) => {
  const feed = new Feed();
  const [model, busy] = [openMemoryStore(), openMemoryStore()];
  feed.append(100, model, busy);
  const source = await watchedSource(t, 2, busy, () => feed.append(3, busy));
  const store = openMemoryStore();
  const { index } = await copyState(copyOptions(store, [source]));
  assert.equal(index, 100);
  assert.ok(busy.flushed > 150, `the source went on to ${busy.flushed}`);
  await assertSame(store, model);
});

test("the store's failure ends the copy", async (t) => {
  const source = await openSource(t, 2, storeOf(50));
  const store = openMemoryStore();
  const full: CopyStateOptions["store"] = {
    flush: () => store.flush(),
    flushed: store.flushed,
    copy: async () => ({
      nextOrder: orderNumber(0),
      answersThrough: position(0),
      addOrders: () => Promise.reject(new OperatingFailure("storage", "The disk is full.")),
      addAnswers: async () => {},
      install: async () => {},
    }),
  };
  await assert.rejects(copyState(copyOptions(full, [source])), /The disk is full/);
});

test("of three replicas that copy from one, two copy at once and the third one after", async (t) => {
  const model = storeOf(entries);
  const twoAtIt = Promise.withResolvers<void>();
  let views = 0;
  let most = 0;
  const watched = freezingAs(model, (frozen) => {
    most = Math.max(most, ++views);
    if (views === copySourceLimits.copies) twoAtIt.resolve();
    return {
      ...frozen,
      orders: async (from, maxBytes) => {
        await twoAtIt.promise;
        return frozen.orders(from, maxBytes);
      },
      answers: (after, maxBytes) => frozen.answers(after, maxBytes),
      close: async () => {
        views--;
        await frozen.close();
      },
    };
  });
  const source = await openSource(t, 2, watched);
  const stores = [openMemoryStore(), openMemoryStore(), openMemoryStore()];
  await Promise.all(stores.map((store) => copyState(copyOptions(store, [source]))));
  assert.equal(most, copySourceLimits.copies);
  for (const store of stores) await assertSame(store, model);
});

test("a source that says nothing is left for the next one", async (t) => {
  const heard = Promise.withResolvers<void>();
  const silent = await Listener.open({ host: "127.0.0.1", port: 0 }, () => ({
    frame: () => heard.resolve(),
    closed: () => {},
  }));
  t.after(() => silent.close());
  const model = storeOf(20);
  const good = await openSource(t, 3, model);
  const mute = {
    address: { id: 2, name: "order-2", host: "127.0.0.1", port: silent.port },
    close: async () => {},
  };
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const store = openMemoryStore();
  const copying = copyState(copyOptions(store, [mute, good]));
  await heard.promise;
  t.mock.timers.tick(5_000);
  await copying;
  await assertSame(store, model);
});
