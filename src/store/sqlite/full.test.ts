import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import { assertSameOrders, assertSameState } from "../conformance.ts";
import { openMemoryStore } from "../memory.ts";
import type { Store } from "../port.ts";
import { appendRange, failsWith, Scratch, sampleRows } from "./scratch.test-support.ts";
import type { SqliteStoreOptions } from "./store.ts";

/** A disk whose space the test gives and takes, in pages of the file. */
class Disk {
  readonly #pages = new Int32Array(new SharedArrayBuffer(4));
  /** What `onFull` was told. */
  readonly told: boolean[] = [];
  #changed = Promise.withResolvers<void>();

  readonly options: Partial<SqliteStoreOptions> = {
    pagesMax: this.#pages,
    retryMs: 5,
    onFull: (full) => {
      this.told.push(full);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    },
  };

  /** No more than the file has. */
  fill(file: string): void {
    this.#pages[0] = Math.max(1, statSync(file).size / 4_096);
  }

  free(): void {
    this.#pages[0] = 0;
  }

  async until(full: boolean): Promise<void> {
    while (this.told.at(-1) !== full) await this.#changed.promise;
  }
}

describe("the SQLite store on a full disk", () => {
  const scratch = new Scratch();
  let disk: Disk;
  beforeEach(() => {
    scratch.begin();
    disk = new Disk();
  });
  afterEach(() => scratch.end());

  it("waits for space, answers reads, says so, and has lost nothing", async () => {
    const store = await scratch.open(disk.options);
    const model = openMemoryStore();
    const entries = sampleRows();
    appendRange(entries, 0, 20, [store, model]);
    await store.flush();
    disk.fill(scratch.file);
    appendRange(entries, 20, 300, [store, model]);
    const flushed = store.flush();
    await disk.until(true);
    assert.equal(store.full, true);
    await assertSameOrders(store, model);
    appendRange(entries, 300, 320, [store, model]);
    await assert.rejects(store.freeze(), failsWith("unavailable", /disk is full/));
    disk.free();
    await flushed;
    await store.flush();
    assert.equal(store.full, false);
    assert.deepEqual(disk.told, [true, false]);
    await assertSameState(store, model);
    await assertSameOrders(store, model);
    assert.deepEqual((await store.digest()).problems, []);
    assert.deepEqual(scratch.failures, []);
  });

  it("has no room once its tail is full, until there is space", async () => {
    const store = await scratch.open(disk.options);
    const model = openMemoryStore();
    const entries = sampleRows();
    appendRange(entries, 0, 1, [store, model]);
    await store.flush();
    disk.fill(scratch.file);
    let at = 1;
    while (at < 50_000) {
      appendRange(entries, at, at + 1_000, [store, model]);
      at += 1_000;
      if (await waits(store.room())) break;
    }
    await disk.until(true);
    const room = store.room();
    assert.ok(await waits(room), "there is no room while the disk is full");
    disk.free();
    await room;
    await store.flush();
    await assertSameState(store, model);
  });

  it("leaves what has no place to the log when it is closed", async () => {
    const store = await scratch.open(disk.options);
    const entries = sampleRows();
    appendRange(entries, 0, 20, [store]);
    await store.flush();
    disk.fill(scratch.file);
    appendRange(entries, 20, 300, [store]);
    const flush = assert.rejects(store.flush(), failsWith("unavailable", /the disk is full/));
    await disk.until(true);
    await store.close();
    await flush;
    assert.equal((await scratch.open()).flushed, 20);
    assert.deepEqual(scratch.failures, []);
  });

  it("gives up as well if the disk is only found full while it is being closed", async () => {
    const store = await scratch.open(disk.options);
    const entries = sampleRows();
    appendRange(entries, 0, 20, [store]);
    await store.flush();
    disk.fill(scratch.file);
    appendRange(entries, 20, 300, [store]);
    await store.close();
    assert.deepEqual(disk.told, [true]);
    assert.equal((await scratch.open()).flushed, 20);
  });

  it("goes on with a copy when there is space", async () => {
    const source = openMemoryStore();
    appendRange(sampleRows(), 0, 300, [source]);
    const frozen = await source.freeze();
    const store = await scratch.open(disk.options);
    const copy = await store.copy();
    disk.fill(scratch.file);
    const adding = copy.addOrders(await frozen.orders(copy.nextOrder, 1_000_000));
    await disk.until(true);
    disk.free();
    await adding;
    await copy.addAnswers(await frozen.answers(copy.answersThrough, 1_000_000));
    await copy.install(frozen.index, frozen.term, frozen.state);
    await assertSameState(store, source);
    assert.deepEqual(await store.digest(), await source.digest());
  });

  it("keeps its write-ahead log as small as it is told", async () => {
    const pages = 50;
    const store = await scratch.open({ checkpointPages: pages });
    const entries = sampleRows();
    for (let at = 0; at < 3_000; at += 50) {
      appendRange(entries, at, at + 50, [store]);
      await store.flush();
    }
    const bytes = statSync(`${scratch.file}-wal`).size;
    assert.ok(statSync(scratch.file).size > 4 * pages * 4_096, "much more was written than that");
    assert.ok(bytes < 4 * pages * 4_096, `${bytes} bytes`);
  });
});

/** Whether the promise is still open when all that waits in this process had its turn. */
async function waits(promise: ReturnType<Store["room"]>): Promise<boolean> {
  let open = true;
  void promise.then(() => {
    open = false;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return open;
}
