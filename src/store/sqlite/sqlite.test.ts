import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, it } from "node:test";
import Database from "better-sqlite3";
import { OperatingFailure as Failure } from "../../base/failure.ts";
import { formatHash } from "../../base/hash128.ts";
import { logIndex, term } from "../../base/units.ts";
import { describeStore, type StoreSubject, sorted } from "../conformance.ts";
import { describeCopying } from "../copying.test-support.ts";
import { openMemoryStore } from "../memory.ts";
import { sampleDefinition, sampleEntries } from "../sample.ts";
import { lockDirectory } from "./directory-lock.ts";
import { appendRange, fill, refused, Scratch, sampleRows } from "./scratch.test-support.ts";

const conforming = new Scratch();
const subject: StoreSubject = {
  open: () => {
    conforming.begin();
    return conforming.open({ create: true });
  },
  reopen: () => conforming.open(),
  close: () => conforming.end(),
};
describeStore("SQLite", subject);
describeCopying("SQLite", subject);

describe("the SQLite store's file", () => {
  const scratch = new Scratch();
  beforeEach(() => scratch.begin());
  afterEach(() => scratch.end());

  it("is refused to another replica, another cluster and a cluster that is being created", async () => {
    await fill(scratch, 5);
    const other = scratch.open({ identity: { cluster: "sample", replica: 2 } });
    await assert.rejects(other, refused(/belongs to replica 1 of cluster sample, not to replica 2/));
    const foreign = scratch.open({ identity: { cluster: "else", replica: 1 } });
    await assert.rejects(foreign, refused(/not to replica 1 of cluster else/));
    await assert.rejects(scratch.open({ create: true }), refused(/has a state already/));
    assert.equal((await scratch.open()).flushed, 5);
  });

  it("is refused if its format is another, and left as it was", async () => {
    await fill(scratch, 5);
    const database = new Database(scratch.file);
    database.pragma("user_version = 99");
    database.close();
    await assert.rejects(scratch.open(), refused(/has format 99, this program reads and writes format 2/));
  });

  it("is refused if it is another program's database", async () => {
    const database = new Database(scratch.file);
    database.exec("CREATE TABLE notes (text)");
    database.close();
    await assert.rejects(scratch.open(), refused(/not a replica's/));
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
      store.append(logIndex(index), term(1), rows);
      model.append(logIndex(index), term(1), rows);
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
    await fill(scratch, 100);
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
    store.append(logIndex(1), term(1), entries.next().value);
    await store.flush();
    const database = new Database(scratch.file);
    database.exec("DROP TABLE items");
    database.close();
    store.append(logIndex(2), term(1), entries.next().value);
    store.append(logIndex(3), term(1), entries.next().value);
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
      for (let at = 1; at <= index; at++) model.append(logIndex(at), term(1), entries.next().value);
      assert.deepEqual(sorted(state), sorted((await model.load()).state));
      const digest = await store.digest();
      assert.deepEqual(digest, await model.digest());
      assert.deepEqual(digest.problems, []);
      await store.close();
    }
  });
});

describe("a copy into the SQLite store", () => {
  const [scratch, crashed] = [new Scratch(), new Scratch()];
  beforeEach(() => [scratch, crashed].map((each) => each.begin()));
  afterEach(() => Promise.all([scratch, crashed].map((each) => each.end())));

  it("has every range that resolved after a crash, and none half", async () => {
    const source = openMemoryStore();
    appendRange(sampleRows(), 0, 400, [source]);
    const frozen = await source.freeze();
    const copy = await (await scratch.open()).copy();
    for (let range = 0; range < 5; range++) {
      await copy.addOrders(await frozen.orders(copy.nextOrder, 5_000));
    }
    const resolved = copy.nextOrder;
    // One more is under way while the files are taken as a crash would leave them.
    const adding = copy.addOrders(await frozen.orders(copy.nextOrder, 5_000));
    for (const suffix of ["", "-wal"]) cpSync(scratch.file + suffix, crashed.file + suffix);
    await adding;

    const store = await crashed.open();
    assert.equal((await store.load()).copying, true);
    const resumed = await store.copy();
    assert.ok([resolved, copy.nextOrder].includes(resumed.nextOrder), `${resumed.nextOrder}`);
    await resumed.addOrders(await frozen.orders(resumed.nextOrder, 1_000_000));
    await resumed.addAnswers(await frozen.answers(resumed.answersThrough, 1_000_000));
    await resumed.install(frozen.index, frozen.term, frozen.state);
    assert.deepEqual(await store.digest(), await source.digest());
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
