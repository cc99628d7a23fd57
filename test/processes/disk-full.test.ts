/**
 * A disk fills up, under one replica or under all of them. Nobody stops, nothing that was acknowledged is lost, what cannot
 * be kept is refused, and all of it ends by itself when there is room again.
 */
import assert from "node:assert/strict";
import { cpSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { cannotMount, SmallDisk } from "../../src/torture/small-disk.ts";
import { diagnoseFailure } from "./diagnosis.test-support.ts";
import { type Answer, call } from "./http.test-support.ts";
import { Ledger } from "./ledger.test-support.ts";
import { eventually, Market } from "./market.test-support.ts";
import { agree, heard, replicaDirectory, shortLog } from "./recovery.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

const mebibytes = 8;
const ordersAtOnce = 10;

/** A market, and a disk that is mounted before it starts and until after it has ended. */
async function besideSmallDisk(
  t: TestContext,
  parentOf: (disk: SmallDisk) => string | undefined,
): Promise<{ readonly disk: SmallDisk; readonly market: Market; readonly ledger: Ledger }> {
  const disk = new SmallDisk(mebibytes);
  let market: Market | undefined;
  t.after(async () => {
    try {
      if (market !== undefined) diagnoseFailure(t, market);
      await market?.close();
    } finally {
      await disk.unmount();
    }
  });
  const parent = parentOf(disk);
  market = await Market.start({ catalogs: 0, ...shortLog, ...(parent !== undefined && { parent }) });
  return { disk, market, ledger: new Ledger(market) };
}

async function saysFull(market: Market, name: string): Promise<void> {
  await eventually(`${name} to say that its disk is full`, async () => (await market.process(name)).diskFull);
  const { stdout } = await market.run("status");
  assert.match(stdout, new RegExp(`^${name}: the disk is full`, "m"));
  await heard(market, name, /its disk is full/);
}

async function saysFreed(market: Market, name: string): Promise<void> {
  await eventually(`${name} to have room`, async () => (await market.process(name)).diskFull === undefined);
  await heard(market, name, /its disk has room again/);
}

/** A front-end that has just lost its leader may refuse once. */
async function readsGoOn(market: Market, ledger: Ledger): Promise<void> {
  await eventually("a read to be answered", async () => {
    return (await call(`${market.url}/stocks/FishCo`)).status === 200;
  });
  await ledger.verify();
}

test("a follower whose disk is full says so and takes nothing; the others go on, and it catches up by itself", {
  skip: cannotMount,
}, async (t) => {
  const { disk, market, ledger } = await besideSmallDisk(t, () => undefined);
  await ledger.place(100);
  const victim = present((await market.followers())[0], "a follower");
  await market.hold(victim);
  const directory = replicaDirectory(market, victim);
  const onDisk = join(disk.path, victim);
  renameSync(directory, `${directory}.moved`);
  cpSync(`${directory}.moved`, onDisk, { recursive: true });
  rmSync(`${directory}.moved`, { recursive: true });
  symlinkSync(onDisk, directory);
  await market.start(victim);
  await market.whole();
  const { restarts } = await market.process(victim);
  const timeline = await Timeline.watch(market);

  disk.fill(0);
  await eventually(`${victim} to be full`, async () => {
    await ledger.place(20, { wide: true });
    return (await market.process(victim)).diskFull;
  });
  await saysFull(market, victim);
  await ledger.place(500);
  assert.equal((await market.process(victim)).life, "ready");

  // A start needs room too: it waits for it.
  const full = timeline.of(victim, "disk-full").length;
  await market.kill(victim);
  await eventually(`${victim} to wait for room`, () => timeline.of(victim, "disk-full").length > full);
  await ledger.place(100);
  assert.equal((await market.process(victim)).life, "starting");

  disk.free();
  await saysFreed(market, victim);
  await agree(market, ledger);
  assert.deepEqual(
    timeline.of(victim, "disk-full").map(({ kind }) => kind),
    ["disk-full", "disk-full"],
    "one for each life",
  );
  assert.equal((await market.process(victim)).restarts, restarts + 1);
});

test("orders that fill the only disk are refused in time, reads go on, and with room again so do orders", {
  skip: cannotMount,
}, async (t) => {
  const { disk, market, ledger } = await besideSmallDisk(t, ({ path }) => path);
  disk.fill((mebibytes * 1024 * 1024) / 2);
  const together = (): Promise<readonly Answer[]> => {
    return Promise.all(Array.from({ length: ordersAtOnce }, () => ledger.attempt({ wide: true })));
  };
  const full = async (without?: string): Promise<string | undefined> => {
    const rows = (await market.status()).processes;
    return rows.find(({ name, diskFull }) => diskFull && name !== without)?.name;
  };
  const first = await eventually(
    "the disk to be full",
    async () => {
      await together();
      return await full();
    },
    60_000,
  );
  await saysFull(market, first);
  // So that nothing that is dropped from a log makes room for an order more. What is under way when a disk fills up, and
  // its leader hands over, may be without an outcome; what comes later is refused, and certainly did not happen.
  disk.fill(0);
  await eventually(
    "every order to be refused",
    async () => (await together()).every(({ status }) => status === 503),
    60_000,
  );
  await readsGoOn(market, ledger);

  const leader = await market.leader();
  // What is left is enough for a vote, and for all that a new leader needs in order to be read.
  await market.kill(leader);
  await eventually("another leader", async () => {
    const now = (await market.status()).leader;
    return now !== null && now !== leader;
  });
  await readsGoOn(market, ledger);
  for (const { name, restarts } of (await market.status()).processes) {
    assert.equal(restarts, name === leader ? 1 : 0, name);
  }

  const other = await eventually("another one with a full disk", () => full(leader));
  await saysFull(market, other);

  disk.free();
  await saysFreed(market, other);
  await eventually("orders to be taken again", async () => (await ledger.attempt()).status === 200);
  await ledger.place(100);
  await agree(market, ledger);
});
