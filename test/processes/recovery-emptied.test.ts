/**
 * A replica's disk is emptied while another replica cannot answer: what it once promised nobody knows then, so it counts
 * nowhere, and says so, until every other one has answered it.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { present } from "../../src/base/assert.ts";
import type { Answer } from "./http.test-support.ts";
import { eventually, type Market } from "./market.test-support.ts";
import { agree, empty, heard, opened, replicaDirectory } from "./recovery.test-support.ts";

async function survivesEmptying(
  t: TestContext,
  directoryOf: (market: Market, name: string) => string,
): Promise<void> {
  const { market, ledger } = await opened(t);
  await ledger.place(200);
  await market.whole();
  const leader = await market.leader();
  const [victim, paused] = await market.followers();
  const emptied = present(victim, "a follower");
  const still = present(paused, "another follower");
  await market.hold(emptied);
  empty(directoryOf(market, emptied));
  await market.pause(still);
  const early: Answer[] = [];
  let waiting: Promise<unknown>;
  try {
    await market.start(emptied);
    await eventually(`${emptied} to be recovering`, async () => {
      const { state, recovering = "" } = await market.process(emptied);
      return state === "recovering" && /log was lost.*every other member's answer/.test(recovering);
    });
    await heard(market, emptied, /recovers its log from the others: .*directory was emptied/);
    const { stdout } = await market.run("status");
    assert.match(stdout, new RegExp(`^${emptied} is recovering: its log was lost`, "m"));

    waiting = Promise.all([1, 2, 3].map(async () => early.push(await ledger.attempt())));
    await eventually("the leader to step down", async () => (await market.status()).leader === null);
    await eventually("orders to be refused at once", async () => {
      const { status, tookMs } = await ledger.attempt();
      assert.ok(status === 503 || status === 504, `an order was answered ${status} without a majority`);
      return status === 503 && tookMs < 1_000;
    });
    assert.deepEqual(
      early.map(({ status }) => status).filter((status) => status === 200),
      [],
      "orders were acknowledged without a majority",
    );
    assert.equal((await market.process(emptied)).state, "recovering");
  } finally {
    await market.resume(still);
  }
  await waiting;
  await heard(market, emptied, /has recovered its log/);
  await agree(market, ledger);

  await market.hold(leader);
  await ledger.place(50);
  await market.start(leader);
  await agree(market, ledger);
}

test("a replica whose whole directory was emptied counts nowhere until all others have answered, and then again", async (t) => {
  await survivesEmptying(t, replicaDirectory);
});

test("a replica whose log alone was emptied counts nowhere until all others have answered, and then again", async (t) => {
  await survivesEmptying(t, (market, name) => market.logDirectory(name));
});
