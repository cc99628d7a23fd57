/**
 * One replica's database is altered, damaged or lost while it is down. What cannot be read is set aside at the start; what
 * reads well and is wrong, `check --deep` finds. Either way the replica builds another: from its log, or, where that no
 * longer reaches back to the beginning, from a copy of another's.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { present } from "../../src/base/assert.ts";
import { call, dataOf } from "./http.test-support.ts";
import { eventually, type Market } from "./market.test-support.ts";
import { agree, opened, replicaDirectory, shortLog } from "./recovery.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

const databaseOf = (market: Market, name: string): string =>
  join(replicaDirectory(market, name), "orders.sqlite");

/** Have the database of a replica that does not run in one file, without a write-ahead log beside it; altered, if told. */
function joinFiles(file: string, change?: string): void {
  const database = new Database(file);
  try {
    if (change !== undefined) {
      assert.ok(database.prepare(change).run().changes > 0, "there is something to be altered");
    }
    database.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
}

/** Whether the replica's store, which trails what the replica has applied, has written the order yet. */
function isWritten(file: string, order: number): boolean {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare("SELECT 1 FROM orders WHERE number = ?").get(order) !== undefined;
  } finally {
    database.close();
  }
}

test("check --deep names a replica with an altered order, and repair has it build another database", async (t) => {
  const { market, ledger } = await opened(t);
  await ledger.place(100);
  await market.whole();
  const victim = present((await market.followers())[0], "a follower");
  // What is not in the file yet would be written again from the log, as it was.
  await eventually("the order to be in the file", () => isWritten(databaseOf(market, victim), 42));
  await market.hold(victim);
  joinFiles(databaseOf(market, victim), "UPDATE orders SET reference = 'order 4 or 5' WHERE number = 42");
  await market.start(victim);
  await market.whole();
  const wrong = await eventually("all replicas to be compared", async () => {
    const checked = await market.run("check", "--deep");
    return checked.code !== 4 && checked;
  });
  assert.equal(wrong.code, 3, wrong.stdout);
  assert.match(wrong.stdout, new RegExp(`^${victim} differs: \`repair ${victim}\``, "m"));
  assert.equal(wrong.stdout.match(/differs:/g)?.length, 1, wrong.stdout);

  const repaired = await market.run("repair", victim);
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.ok(existsSync(`${databaseOf(market, victim)}.set-aside-1`));
  await agree(market, ledger);
});

interface Damage {
  readonly name: string;
  readonly inflict: (file: string) => void;
  /** The file does not look like a database that it was not: somebody must hear of it. */
  readonly noticed: boolean;
}

const damages: readonly Damage[] = [
  {
    name: "garbage in its place",
    inflict: (file) => writeFileSync(file, readFileSync(file).fill(0xa5)),
    noticed: true,
  },
  {
    name: "a page of garbage in its middle",
    inflict: (file) => {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(0x5a, 4_096, 3 * 4_096));
    },
    noticed: true,
  },
  {
    name: "a file of half its length",
    inflict: (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
    noticed: true,
  },
  { name: "no file", inflict: (file) => rmSync(file), noticed: false },
];

/** How damage is found does not depend on what the log has: two kinds of it are enough for the copy. */
const cases = [
  { from: "its log", options: {}, copies: 0, inflicted: damages },
  {
    from: "a copy, its log being shorter",
    options: shortLog,
    copies: 1,
    inflicted: damages.filter(({ name }) => name === "garbage in its place" || name === "no file"),
  },
] as const;

for (const { from, options, copies, inflicted } of cases) {
  test(`a replica whose database was damaged or lost builds another from ${from}`, async (t) => {
    const { market, ledger } = await opened(t, options);
    const timeline = await Timeline.watch(market);
    const victim = present((await market.followers())[0], "a follower");
    while (copies > 0 && timeline.of(victim, "log-compacted").length === 0) {
      await ledger.place(5, { wide: true });
    }
    for (const { name, inflict, noticed } of inflicted) {
      await t.test(name, async () => {
        await ledger.place(100, { wide: true });
        await market.whole();
        await market.hold(victim);
        const file = databaseOf(market, victim);
        joinFiles(file);
        inflict(file);
        const started = timeline.of(victim, "recovery-started").length;
        const copied = timeline.of(victim, "snapshot-installed").length;
        const served = dataOf(await call(`${market.url}/stocks/FishCo`));
        assert.equal(served.name, "FishCo");
        await ledger.place(5);
        const refilled = noticed ? timeline.next(victim, "recovery-finished") : undefined;
        await market.start(victim);
        await agree(market, ledger);

        const said = timeline.of(victim, "recovery-started").slice(started);
        assert.deepEqual(
          said.map(({ what }) => what),
          noticed ? ["store"] : [],
        );
        if (refilled !== undefined) {
          const { reason } = present(said[0], "an event");
          assert.match(reason, /orders\.sqlite.*\. It was set aside as .*\.set-aside-\d/);
          assert.equal((await refilled).what, "store");
        }
        assert.equal(timeline.of(victim, "snapshot-installed").length - copied, copies);
      });
    }
  });
}

test("a replica that dies before its database is built again says in its next life too that it builds one", async (t) => {
  const { market, ledger } = await opened(t);
  const timeline = await Timeline.watch(market);
  await ledger.place(100);
  await market.whole();
  const victim = present((await market.followers())[0], "a follower");
  const names = (await market.status()).processes.filter(({ role }) => role === "order");
  const others = names.map(({ name }) => name).filter((name) => name !== victim);
  await market.hold(victim);
  const file = databaseOf(market, victim);
  joinFiles(file);
  writeFileSync(file, readFileSync(file).fill(0xa5));
  // Without a leader it does not learn what of its log is committed, so it builds nothing.
  await market.pause(...others);
  try {
    const first = timeline.next(victim, "recovery-started");
    await market.start(victim);
    const { reason } = await first;
    const second = timeline.next(victim, "recovery-started");
    await market.kill(victim);
    assert.equal((await second).reason, reason);
    await eventually(`${victim} to say so`, async () => {
      const { state, recovering = "" } = await market.process(victim);
      return state === "recovering" && /database was set aside/.test(recovering);
    });
    assert.deepEqual(timeline.of(victim, "recovery-finished"), []);
  } finally {
    await market.resume(...others);
  }
  await agree(market, ledger);
  assert.equal(timeline.of(victim, "recovery-finished").length, 1);
  await market.kill(victim);
  await agree(market, ledger);
  assert.equal(timeline.of(victim, "recovery-started").length, 2, "it is whole and has forgotten it");
});
