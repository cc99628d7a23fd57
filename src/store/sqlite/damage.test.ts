import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import Database from "better-sqlite3";
import { orderNumber } from "../../base/units.ts";
import { assertSameState } from "../conformance.ts";
import { openMemoryStore } from "../memory.ts";
import { storeFile } from "./damage.ts";
import { appendRange, fill, identity, refused, Scratch, sampleRows } from "./scratch.test-support.ts";
import { setStoreAside } from "./store.ts";

describe("a damaged SQLite store", () => {
  const scratch = new Scratch();
  beforeEach(() => scratch.begin());
  afterEach(() => scratch.end());

  const mark = (): string => `${scratch.file}.damaged`;

  function alter(statement: string): void {
    const database = new Database(scratch.file);
    database.exec(statement);
    database.close();
  }

  /** Overwrite a table's leaf pages but the last, which a start reads, or all those of an index. */
  function overwrite(table: string): void {
    const database = new Database(scratch.file);
    const leaves = database
      .prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path")
      .pluck()
      .all(table) as number[];
    const pages = table === "orders" ? leaves.slice(0, -1) : leaves;
    database.close();
    assert.ok(pages.length > 0, `${table} has several pages`);
    const handle = openSync(scratch.file, "r+");
    for (const page of pages) writeSync(handle, Buffer.alloc(4_096, 0xa5), 0, 4_096, (page - 1) * 4_096);
    closeSync(handle);
  }

  async function assertSetAside(reason: RegExp): Promise<void> {
    const bytes = readFileSync(scratch.file);
    const { store, setAside } = await scratch.openAnyhow();
    assert.ok(setAside !== undefined, "it was set aside");
    assert.match(setAside.reason, reason);
    assert.equal(setAside.file, `${scratch.file}.set-aside-1`);
    assert.ok(readFileSync(setAside.file).equals(bytes), "it is kept as it was");
    assert.deepEqual(await store.load(), { index: 0, term: 0, state: undefined, copying: false });
  }

  const cases: readonly [what: string, reason: RegExp, damage: () => void][] = [
    ["is no database", /no SQLite database/, () => writeFileSync(scratch.file, "not a database")],
    ["has only the start of one", /no SQLite database/, () => truncateSync(scratch.file, 50)],
    ["is cut short", /is damaged/, () => truncateSync(scratch.file, 20_000)],
    ["lacks a table", /lacks what its format says/, () => alter("DROP TABLE answers")],
    ["does not say whose it is", /does not say whose/, () => alter("DELETE FROM market")],
    ["lacks an item", /its rows cannot be read/, () => alter("DELETE FROM items WHERE id = 2")],
    [
      "lacks its last order",
      /the next order would be/,
      () => alter("DELETE FROM orders WHERE number = (SELECT max(number) FROM orders)"),
    ],
    [
      "has an order too many",
      /the next order would be/,
      () => alter("UPDATE state SET next_order = next_order - 1"),
    ],
    [
      "has an answer from beyond its state",
      /is beyond the state/,
      () => alter("UPDATE answers SET position = 99999 WHERE position = (SELECT max(position) FROM answers)"),
    ],
    ["has no state but orders", /there is a market, but no state/, () => alter("DELETE FROM state")],
    ["has two items of one name", /name of item/, () => alter("UPDATE items SET name = 'TUX' WHERE id = 2")],
    [
      "has a session that cannot be read",
      /its rows cannot be read/,
      () => alter("UPDATE sessions SET open = '[1'"),
    ],
    ["has a hash that is none", /missing: a hash/, () => alter("UPDATE state SET hash = 'none'")],
  ];
  for (const [what, reason, damage] of cases) {
    it(`is set aside for an empty one if it ${what}`, async () => {
      await fill(scratch, 200);
      damage();
      await assertSetAside(reason);
    });
  }

  it("is set aside once, and another one under the next free name", async () => {
    for (const n of [1, 2]) {
      writeFileSync(scratch.file, "not a database");
      const { store, setAside } = await scratch.openAnyhow();
      assert.equal(setAside?.file, `${scratch.file}.set-aside-${n}`);
      await store.close();
    }
    assert.ok(!existsSync(`${scratch.file}.set-aside-3`));
  });

  it("is refused, and left where it is, in a cluster that is being created", async () => {
    writeFileSync(scratch.file, "not a database");
    await assert.rejects(scratch.open({ create: true }), refused(/no SQLite database/));
    writeFileSync(mark(), "it was bad");
    await assert.rejects(scratch.open({ create: true }), refused(/it was bad/));
    assert.equal(readFileSync(scratch.file, "utf8"), "not a database");
  });

  it("is set aside if only its write-ahead log is left", async () => {
    await fill(scratch, 5);
    rmSync(scratch.file);
    writeFileSync(`${scratch.file}-wal`, "frames");
    const { setAside } = await scratch.openAnyhow();
    assert.match(setAside?.reason ?? "", /missing or empty/);
    assert.equal(readFileSync(`${scratch.file}.set-aside-1-wal`, "utf8"), "frames");
  });

  it("stops the replica when a read meets it, and is set aside at the next start", async () => {
    await fill(scratch, 400);
    overwrite("orders");
    const store = await scratch.open();
    await assert.rejects(store.order(orderNumber(3)), refused(/is damaged/));
    assert.equal(scratch.failures.length, 1);
    assert.ok(existsSync(mark()));
    await store.close();
    await assertSetAside(/is damaged/);
    assert.ok(!existsSync(mark()));
  });

  it("stops the replica when a digest, a copy or the writer meets it", async () => {
    const meetings = [
      ["orders", (store) => store.digest()],
      [
        "orders",
        async (store) => {
          const frozen = await store.freeze();
          await frozen.orders(orderNumber(0), 1_000_000);
        },
      ],
      [
        "answers_by_key",
        (store) => {
          const entries = sampleRows();
          for (let i = 0; i < 400; i++) entries.next();
          appendRange(entries, 400, 500, [store]);
          return store.flush();
        },
      ],
    ] as const satisfies readonly [
      string,
      (store: Awaited<ReturnType<Scratch["open"]>>) => Promise<unknown>,
    ][];
    for (const [table, meet] of meetings) {
      await fill(scratch, 400);
      overwrite(table);
      const store = await scratch.open();
      await assert.rejects(meet(store), refused(/is damaged/), table);
      assert.ok(existsSync(mark()), table);
      assert.equal(scratch.failures.length, 1);
      await store.close();
      await scratch.end();
      scratch.begin();
    }
  });

  it("stops the replica when an order cannot be read", async () => {
    await fill(scratch, 5);
    alter("UPDATE orders SET lines = '[{' WHERE number = 0");
    const store = await scratch.open();
    await assert.rejects(store.order(orderNumber(0)), refused(/its rows cannot be read/));
    assert.ok(existsSync(mark()));
  });

  it("is refilled like a new one", async () => {
    await fill(scratch, 50);
    truncateSync(scratch.file, 9_000);
    const { store } = await scratch.openAnyhow();
    const model = openMemoryStore();
    appendRange(sampleRows(), 0, 60, [store, model]);
    await assertSameState(store, model);
    assert.deepEqual((await store.digest()).problems, []);
  });

  it("can be set aside by request, but not while a store is open", async () => {
    assert.equal(setStoreAside(scratch.dir), undefined);
    await fill(scratch, 5);
    const store = await scratch.open();
    assert.throws(() => setStoreAside(scratch.dir), refused(/in use/));
    await store.close();
    writeFileSync(mark(), "left");
    assert.equal(setStoreAside(scratch.dir)?.file, `${storeFile(scratch.dir)}.set-aside-1`);
    assert.ok(!existsSync(mark()));
    const { store: anew, setAside } = await scratch.openAnyhow({ create: true, identity });
    assert.match(setAside?.reason ?? "", /by request/);
    assert.equal(anew.flushed, 0);
  });
});
