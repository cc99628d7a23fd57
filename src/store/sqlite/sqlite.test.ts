import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, it } from "node:test";
import Database from "better-sqlite3";
import { OperatingFailure as Failure, type OperatingFailure } from "../../base/failure.ts";
import { formatHash } from "../../base/hash128.ts";
import { logIndex } from "../../base/units.ts";
import { describeStore, sorted } from "../conformance.ts";
import { openMemoryStore } from "../memory.ts";
import type { Store } from "../port.ts";
import { sampleDefinition, sampleEntries } from "../sample.ts";
import { lockDirectory } from "./directory-lock.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./store.ts";

const identity = { cluster: "sample", replica: 1 };

/** Directories and stores of one test, all gone after it. */
class Scratch {
  dir = "";
  readonly #stores: Store[] = [];
  readonly failures: OperatingFailure[] = [];

  begin(): void {
    this.dir = mkdtempSync(join(tmpdir(), "bazaar-store-"));
    this.failures.length = 0;
  }

  get file(): string {
    return join(this.dir, "orders.sqlite");
  }

  async open(options: Partial<SqliteStoreOptions> = {}): Promise<Store> {
    const store = await openSqliteStore({
      dir: this.dir,
      identity,
      create: false,
      onFatal: (failure) => this.failures.push(failure),
      ...options,
    });
    this.#stores.push(store);
    return store;
  }

  async end(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const conforming = new Scratch();
describeStore("SQLite", {
  open: () => {
    conforming.begin();
    return conforming.open({ create: true });
  },
  reopen: () => conforming.open(),
  close: () => conforming.end(),
});

describe("the SQLite store's file", () => {
  const scratch = new Scratch();
  beforeEach(() => scratch.begin());
  afterEach(() => scratch.end());

  async function fill(entryCount: number): Promise<void> {
    const store = await scratch.open();
    const entries = sampleEntries({ seed: 2, ordersPerEntry: 8 });
    for (let index = 1; index <= entryCount; index++) store.append(logIndex(index), entries.next().value);
    await store.close();
  }

  const refused = (message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, "wrong-data");
    assert.match(error.message, message);
    return true;
  };

  it("is refused to another replica, another cluster and a cluster that is being created", async () => {
    await fill(5);
    const other = scratch.open({ identity: { cluster: "sample", replica: 2 } });
    await assert.rejects(other, refused(/belongs to replica 1 of cluster sample, not to replica 2/));
    const foreign = scratch.open({ identity: { cluster: "else", replica: 1 } });
    await assert.rejects(foreign, refused(/not to replica 1 of cluster else/));
    await assert.rejects(scratch.open({ create: true }), refused(/has a state already/));
    assert.equal((await scratch.open()).flushed, 5);
  });

  it("is refused if its format is another, and left as it was", async () => {
    await fill(5);
    const database = new Database(scratch.file);
    database.pragma("user_version = 99");
    database.close();
    await assert.rejects(scratch.open(), refused(/has format 99, this program reads and writes format 1/));
  });

  it("is refused if it is another program's database", async () => {
    const database = new Database(scratch.file);
    database.exec("CREATE TABLE notes (text)");
    database.close();
    await assert.rejects(scratch.open(), refused(/not a replica's/));
  });

  it("is refused if it is damaged: overwritten, cut short, or short of a table", async () => {
    writeFileSync(scratch.file, "not a database");
    await assert.rejects(scratch.open(), refused(/damaged or no SQLite database/));
    rmSync(scratch.file);

    await fill(200);
    truncateSync(scratch.file, 20_000);
    await assert.rejects(scratch.open(), refused(/damaged/));
    rmSync(scratch.file);

    await fill(5);
    const database = new Database(scratch.file);
    database.exec("DROP TABLE answers");
    database.close();
    await assert.rejects(scratch.open(), refused(/lacks what its format says/));
  });

  it("can be opened by one store at a time, and by the next when that is closed", async () => {
    const first = await scratch.open();
    await assert.rejects(scratch.open(), refused(/in use by another process/));
    await first.close();
    await scratch.open();
  });

  it("can be read with plain SQL while the store is open", async () => {
    const store = await scratch.open();
    const model = openMemoryStore();
    const entries = sampleEntries({ seed: 2, ordersPerEntry: 8 });
    for (let index = 1; index <= 100; index++) {
      const rows = entries.next().value;
      store.append(logIndex(index), rows);
      model.append(logIndex(index), rows);
    }
    await store.flush();
    const database = new Database(scratch.file, { readonly: true });
    try {
      const numbers = database
        .prepare("SELECT number FROM order_items WHERE item = 3 ORDER BY number DESC")
        .pluck()
        .all();
      const expected = await model.orders({ item: 3, limit: 100_000 });
      assert.deepEqual(
        numbers,
        expected.map((order) => order.number),
      );
      const name = database
        .prepare("SELECT lines ->> '$[0].name' FROM orders WHERE number = 0")
        .pluck()
        .get();
      assert.ok(sampleDefinition.items.some((item) => item.name === name));
      assert.equal(database.pragma("integrity_check", { simple: true }), "ok");
    } finally {
      database.close();
    }
  });

  it("is found out by a digest if somebody alters a row", async () => {
    await fill(100);
    const alterations = [
      ["UPDATE orders SET customer = 'someone else' WHERE number = 7", /the rows' hash is/],
      ["UPDATE orders SET total_minor = total_minor + 1 WHERE number = 7", /order 7 says a total of/],
      ["DELETE FROM orders WHERE number = 7", /order 8 stands where order 7 should be/],
      ["UPDATE items SET quantity = quantity + 1 WHERE id = 2", /item 2 has \d+ units, but/],
      ["DELETE FROM answers WHERE position = (SELECT max(position) FROM answers)", /the rows' hash is/],
    ] as const;
    const database = new Database(scratch.file);
    const untouched = database.serialize();
    database.close();
    for (const [statement, problem] of alterations) {
      writeFileSync(scratch.file, untouched);
      const altered = new Database(scratch.file);
      assert.equal(altered.prepare(statement).run().changes, 1, statement);
      altered.close();
      const store = await scratch.open();
      const digest = await store.digest();
      await store.close();
      assert.match(digest.problems.join("\n"), problem);
      assert.notEqual(formatHash(digest.computed), formatHash(digest.stored), statement);
    }
  });

  it("stops the replica, and refuses whatever waits, when a transaction fails", async () => {
    const store = await scratch.open();
    const entries = sampleEntries({ seed: 2, ordersPerEntry: 8 });
    store.append(logIndex(1), entries.next().value);
    await store.flush();
    const database = new Database(scratch.file);
    database.exec("DROP TABLE items");
    database.close();
    store.append(logIndex(2), entries.next().value);
    store.append(logIndex(3), entries.next().value);
    await assert.rejects(store.flush(), (error) => error instanceof Failure);
    await assert.rejects(store.room(), (error) => error instanceof Failure);
    assert.equal(store.flushed, 1);
    assert.equal(scratch.failures.length, 1);
  });

  it("holds exactly the state after some entry, at least the last flushed one, after kill -9", async () => {
    for (let round = 0; round < 2; round++) {
      const reported = await appendAndKill(scratch.dir, 4 + round * 3);
      const store = await scratch.open();
      const { index, state } = await store.load();
      assert.ok(index >= reported, `${index} is loaded, ${reported} had been flushed`);
      const model = openMemoryStore();
      const entries = sampleEntries({ seed: 3, ordersPerEntry: 3 });
      for (let at = 1; at <= index; at++) model.append(logIndex(at), entries.next().value);
      assert.deepEqual(sorted(state), sorted((await model.load()).state));
      const digest = await store.digest();
      assert.deepEqual(digest, await model.digest());
      assert.deepEqual(digest.problems, []);
      await store.close();
    }
  });
});

/** Run a process that appends, kill it after so many reports, and return the last index that it called flushed. */
async function appendAndKill(dir: string, reports: number): Promise<number> {
  const program = join(import.meta.dirname, "crash-child.ts");
  const child = spawn(process.execPath, [program, dir, "3"], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let last = -1;
  try {
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      last = Number(line);
      if (++seen === reports) child.kill("SIGKILL");
    }
    assert.ok(seen >= reports, "the process reported until it was killed");
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
  return last;
}

describe("a directory lock", () => {
  const scratch = new Scratch();
  beforeEach(() => scratch.begin());
  afterEach(() => scratch.end());

  it("is refused to others in this process and in another until it is released", () => {
    const lock = lockDirectory(scratch.dir);
    assert.throws(() => lockDirectory(scratch.dir), /in use by another process/);
    lock.release();
    lockDirectory(scratch.dir).release();
  });

  it("is let go by the kernel when its holder is killed", async () => {
    const module = new URL("./directory-lock.ts", import.meta.url).href;
    const program = `import { lockDirectory } from ${JSON.stringify(module)};
      lockDirectory(${JSON.stringify(scratch.dir)}); console.log("locked"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    try {
      await once(child.stdout, "data");
      assert.throws(() => lockDirectory(scratch.dir), /in use by another process/);
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
    lockDirectory(scratch.dir).release();
  });
});
