import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { OperatingFailure } from "../base/failure.ts";
import { seededRandom } from "../base/random.ts";
import { logIndex, orderNumber, term } from "../base/units.ts";
import type { Rows } from "../market/rows.ts";
import {
  assertSameOrders,
  assertSameState,
  describeStore,
  type StoreSubject,
  sorted,
} from "../store/conformance.ts";
import { describeCopying } from "../store/copying.test-support.ts";
import { openMemoryStore } from "../store/memory.ts";
import type { Store } from "../store/port.ts";
import { sampleEntries } from "../store/sample.ts";
import { SimDisk } from "./disk.ts";
import type { SimStore } from "./sim-store.ts";
import { StoreDamage } from "./store-damage.ts";
import type { SimStoreFile, SimStoreOptions } from "./store-file.ts";
import { VirtualTime } from "./virtual-time.test-support.ts";

const dir = "/order-1";
const identity = { cluster: "sample", replica: 1 };

/** A machine with a store, for one test. */
class Machine {
  readonly time = new VirtualTime();
  readonly disk: SimDisk;
  readonly failures: OperatingFailure[] = [];
  readonly told: boolean[] = [];

  constructor(seed = 1) {
    const { after, worldAfter } = this.time;
    this.disk = new SimDisk({ random: seededRandom(seed), after, worldAfter });
  }

  get file(): SimStoreFile {
    return this.disk.store(dir);
  }

  open(options: Partial<SimStoreOptions> = {}) {
    return this.file.open({
      dir,
      identity,
      create: false,
      onFatal: (failure) => this.failures.push(failure),
      onFull: (full) => this.told.push(full),
      ...options,
    });
  }

  async store(): Promise<SimStore> {
    return (await this.open()).store;
  }

  crash(how: "die" | "losePower" = "die"): void {
    this.time.endLife();
    this.disk[how]();
    this.disk.start();
  }
}

const rowsOf = (seed = 2): Iterator<Rows, never> => sampleEntries({ seed, ordersPerEntry: 8 });

function append(entries: Iterator<Rows, never>, from: number, to: number, stores: readonly Store[]): void {
  for (let index = from + 1; index <= to; index++) {
    const rows = entries.next().value;
    for (const store of stores) store.append(logIndex(index), term(1), rows);
  }
}

const fails = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof OperatingFailure, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

let machine = new Machine();
const subject: StoreSubject = {
  open: async () => {
    machine = new Machine();
    return machine.store();
  },
  reopen: () => machine.store(),
  close: async () => machine.crash(),
};
describeStore("simulated", subject);
describeCopying("simulated", subject);

describe("a simulated store through crashes", () => {
  it("holds exactly the state after some entry, at least the last flushed one", async () => {
    let lost = 0;
    let kept = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const world = new Machine(seed);
      const random = seededRandom(seed + 500);
      world.file.limits.group = 100;
      let at = 0;
      for (let life = 0; life < 4; life++) {
        const store = await world.store();
        const { index, state } = await store.load();
        assert.ok(index >= at, `seed ${seed}: ${index} is loaded, ${at} had been flushed`);
        if (index > at) kept++;
        const model = openMemoryStore();
        const entries = rowsOf();
        append(entries, 0, index, [model]);
        assert.deepEqual(sorted(state), sorted((await model.load()).state));
        await assertSameOrders(store, model);
        if (index > 0) assert.deepEqual(await store.digest(), await model.digest());
        const more = index + 40;
        append(entries, index, more, [store]);
        if (random() < 0.3) void store.flush();
        await world.time.pass(random() * 6);
        at = store.flushed;
        if (at < more) lost++;
        world.crash(random() < 0.5 ? "die" : "losePower");
      }
    }
    assert.ok(lost > 20 && kept > 5, `${lost} times something was not flushed, ${kept} times more was there`);
  });

  it("goes on with a copy of which every step that resolved is there", async () => {
    const source = openMemoryStore();
    append(rowsOf(), 0, 300, [source]);
    const frozen = await source.freeze();
    const world = new Machine(3);
    const random = seededRandom(3);
    for (let life = 0; ; life++) {
      const store = await world.store();
      assert.equal((await store.load()).copying, life > 0);
      const copy = await store.copy();
      let resolved = { next: copy.nextOrder as number, through: copy.answersThrough as number };
      let isDone = false;
      const copying = (async () => {
        for (;;) {
          const orders = await frozen.orders(copy.nextOrder, 3_000);
          const answers = await frozen.answers(copy.answersThrough, 3_000);
          if (orders[0] !== 0) await copy.addOrders(orders);
          else if (answers[0] !== 0) await copy.addAnswers(answers);
          else break;
          resolved = { next: copy.nextOrder, through: copy.answersThrough };
        }
        await copy.install(frozen.index, frozen.term, frozen.state);
        isDone = true;
      })();
      await Promise.race([copying, world.time.pass(random() * 15 + life)]);
      if (isDone) {
        assert.ok(life > 2, `it broke off ${life} times`);
        assert.equal(store.flushed, 300);
        world.crash();
        const again = await world.store();
        await assertSameState(again, source);
        assert.deepEqual(await again.digest(), await source.digest());
        return;
      }
      world.crash("losePower");
      const again = await (await world.store()).copy();
      assert.ok(again.nextOrder >= resolved.next && again.answersThrough >= resolved.through);
      world.crash();
    }
  });

  it("answers nothing of a dead process, whose lock is free", async () => {
    const world = new Machine();
    const store = await world.store();
    append(rowsOf(), 0, 10, [store]);
    const dead = (): void => assert.fail("it is dead");
    void store.flush().then(dead, dead);
    void store.order(orderNumber(99_999)).then(dead, dead);
    await assert.rejects(world.open(), fails("wrong-data", /in use by another process/));
    world.disk.die();
    void world.open().then(dead, dead);
    append(rowsOf(3), 10, 20, [store]);
    await world.time.pass(1_000);
    world.disk.start();
    assert.ok((await world.store()).flushed <= 10);
  });
});

describe("a simulated store whose file goes wrong", () => {
  let world: Machine;
  beforeEach(() => {
    world = new Machine(9);
  });
  afterEach(() => world.crash());

  async function filled(entries = 50): Promise<void> {
    const store = await world.store();
    append(rowsOf(), 0, entries, [store]);
    await store.close();
  }

  it("is set aside and begun anew if it is damaged, and says so until it is refilled", async () => {
    assert.equal(world.file.damage(), false);
    await filled();
    assert.equal(world.file.damage(), true);
    await assert.rejects(world.open({ create: true }), (error) => error instanceof StoreDamage);
    const { store, setAside } = await world.open();
    assert.equal(store.flushed, 0);
    assert.match(setAside?.reason ?? "", /damaged/);
    assert.equal(setAside?.file, "/order-1/orders.sqlite.set-aside-1");
    await store.close();
    const second = await world.open();
    assert.deepEqual(second.setAside, setAside);
    await second.store.close();
    world.file.endRefilling();
    assert.equal((await world.open()).setAside, undefined);
  });

  it("stops its process if that touches what is damaged, by a read or a transaction", async () => {
    await filled();
    const store = await world.store();
    world.file.damage();
    await assert.rejects(store.order(orderNumber(1)), (error) => error instanceof StoreDamage);
    assert.equal(world.failures.length, 1);
    await assert.rejects(store.flush(), (error) => error instanceof StoreDamage);
    world.crash();
    assert.ok((await world.open()).setAside !== undefined);
  });

  it("is set aside at the next start if a mark was left", async () => {
    world.file.leaveMark("a mark without a file");
    assert.equal((await world.open()).setAside, undefined);
    world.crash();
    world.file.leaveMark("nobody's state fits");
    assert.equal((await world.open()).setAside?.reason, "nobody's state fits");
  });

  it("is empty, and nothing was set aside, if it is lost", async () => {
    await filled();
    world.disk.wipe("/order-1");
    const { store, setAside } = await world.open();
    assert.deepEqual([store.flushed, setAside], [0, undefined]);
    assert.equal((await store.load()).state, undefined);
  });

  it("is refused if it is another replica's, or has a state in a cluster that is being created", async () => {
    await filled();
    const other = { cluster: "sample", replica: 2 };
    await assert.rejects(world.open({ identity: other }), fails("wrong-data", /belongs to replica 1/));
    await assert.rejects(world.open({ create: true }), fails("wrong-data", /has a state already/));
    assert.equal((await world.store()).flushed, 50);
  });

  it("stops its process, and refuses whatever waits, when a transaction fails", async () => {
    await filled(10);
    const store = await world.store();
    world.file.failWrite();
    const entries = rowsOf();
    append(entries, 0, 10, []);
    for (let i = 0; i < 10; i++) entries.next();
    append(entries, 10, 12, [store]);
    await assert.rejects(store.flush(), fails("storage", /disk I\/O error/));
    await assert.rejects(store.room(), fails("storage", /disk I\/O error/));
    assert.throws(() => append(entries, 12, 13, [store]), fails("storage", /disk I\/O error/));
    assert.equal(world.failures.length, 1);
    world.crash();
    assert.equal((await world.store()).flushed, 10);
  });

  it("is found out by a digest if a row is altered", async () => {
    assert.equal(world.file.alterRow("order"), undefined);
    for (const what of ["order", "item"] as const) {
      world = new Machine(9);
      await filled();
      assert.match(world.file.alterRow(what) ?? "", new RegExp(`^${what} \\d+$`));
      const digest = await (await world.store()).digest();
      assert.match(digest.problems.join("\n"), /the rows' hash is/);
    }
  });
});

describe("a simulated store on a full or a slow disk", () => {
  it("waits for space, answers reads, says so, and has lost nothing", async () => {
    const world = new Machine(4);
    const store = await world.store();
    const model = openMemoryStore();
    const entries = rowsOf();
    append(entries, 0, 20, [store, model]);
    await store.flush();
    world.disk.setFull(true);
    append(entries, 20, 300, [store, model]);
    const flushed = store.flush();
    await world.time.pass(600);
    assert.equal(store.full, true);
    assert.equal(store.flushed, 20);
    await assertSameOrders(store, model);
    await assert.rejects(store.freeze(), fails("unavailable", /disk is full/));
    world.disk.setFull(false);
    await flushed;
    assert.equal(store.full, false);
    assert.deepEqual(world.told, [true, false]);
    await assertSameState(store, model);
    assert.deepEqual(await store.digest(), await model.digest());
  });

  it("leaves what has no place to the log when it is closed, also if that is found out only then", async () => {
    for (const isKnown of [true, false]) {
      const world = new Machine(4);
      const store = await world.store();
      const entries = rowsOf();
      append(entries, 0, 20, [store]);
      await store.flush();
      world.disk.setFull(true);
      append(entries, 20, 60, [store]);
      if (isKnown) await world.time.pass(500);
      assert.equal(store.full, isKnown);
      await store.close();
      assert.equal((await world.store()).flushed, 20);
      assert.deepEqual(world.failures, []);
    }
  });

  it("waits for space to be made at all", async () => {
    const world = new Machine(4);
    world.disk.setFull(true);
    const opening = world.store();
    await world.time.pass(2_000);
    assert.deepEqual(world.told, [true]);
    world.disk.setFull(false);
    assert.equal((await opening).flushed, 0);
    assert.deepEqual(world.told, [true, false]);
  });

  it("shows each order once to a reader for whom the disk takes longer than the transaction does", async () => {
    const world = new Machine(4);
    world.disk.latency.quickMs = [50, 50];
    const store = await world.store();
    const model = openMemoryStore();
    const entries = rowsOf();
    append(entries, 0, 20, [store, model]);
    await store.flush();
    append(entries, 20, 40, [store, model]);
    void store.flush();
    const page = store.orders({ limit: 10_000 });
    const expected = await model.orders({ limit: 10_000 });
    append(entries, 40, 41, [store, model]);
    assert.deepEqual(await page, expected);
    assert.equal(store.flushed, 40, "the transaction ended first");
  });

  it("has no room while more waits than its bound, and is not asked for more than a rest allows", async () => {
    const world = new Machine(5);
    Object.assign(world.file.limits, { group: 50, tail: 200 });
    const store = await world.store();
    const entries = rowsOf();
    await store.room();
    world.disk.hang(1_000);
    append(entries, 0, 60, [store]);
    let hasRoom = false;
    const room = store.room().then(() => {
      hasRoom = true;
    });
    await world.time.pass(900);
    assert.equal(hasRoom, false);
    await room;
    assert.ok(store.flushed > 0 && store.flushed < 60 && world.time.now >= 1_000);
    await store.flush();
    const before = world.time.now;
    append(entries, 60, 61, [store]);
    await world.time.pass(150);
    assert.equal(store.flushed, 60, "it rests");
    while (store.flushed < 61) await world.time.pass(10);
    assert.ok(world.time.now - before < 400);
  });

  it("holds two states still at a time, and closes one that nobody asks for", async () => {
    const world = new Machine(6);
    const { store } = await world.open({ freezeIdleMs: 1_000 });
    append(rowsOf(), 0, 30, [store]);
    const first = await store.freeze();
    const second = await store.freeze();
    await assert.rejects(store.freeze(), fails("unavailable", /2 states are being copied/));
    await second.close();
    for (let i = 0; i < 5; i++) {
      await world.time.pass(700);
      await first.orders(orderNumber(0), 100);
    }
    await world.time.pass(1_100);
    await assert.rejects(first.orders(orderNumber(0), 100), fails("unavailable", /nobody asked for it/));
    await store.freeze();
    await store.freeze();
  });
});
