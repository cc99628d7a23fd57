/** Order replicas come and go while orders flow: one whose disk is lost for good is replaced, a group grows and shrinks. */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { Ledger } from "./ledger.test-support.ts";
import { eventually, type Market } from "./market.test-support.ts";
import { agree, opened, replicaDirectory, whileOrdersFlow } from "./recovery.test-support.ts";

async function member(market: Market, ...words: string[]): Promise<string> {
  const ran = await market.run("member", ...words);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stderr;
}

/** The members by the leader's log, learners in parentheses. */
async function members(market: Market): Promise<string> {
  const { leader, processes } = await market.status();
  const said = processes.find(({ name }) => name === leader)?.members ?? [];
  return said.map(({ id, role }) => (role === "voter" ? `${id}` : `(${id})`)).join(" ");
}

async function begun(t: TestContext): Promise<{ readonly market: Market; readonly ledger: Ledger }> {
  const { market, ledger } = await opened(t, { catalogs: 1, frontends: 2 });
  await ledger.place(200);
  return { market, ledger };
}

test("a replica that is lost for good is replaced while orders flow", async (t) => {
  const { market, ledger } = await begun(t);
  await market.hold("order-1");
  rmSync(replicaDirectory(market, "order-1"), { recursive: true });
  await whileOrdersFlow(ledger, async () => {
    await member(market, "remove", "order-1");
    await member(market, "add");
  });
  assert.equal(await members(market), "2 3 4");
  const shown = await market.run("log", "show", "order-4", "--limit", "100000");
  assert.deepEqual(
    shown.stdout.match(/the members are .*/g)?.at(-1),
    "the members are order-2, order-3, order-4)",
  );
  await agree(market, ledger);
  // The new one counts: with another held down, orders go on.
  await market.hold("order-2");
  await ledger.place(50);
  await market.start("order-2");
  await agree(market, ledger);
});

test("a group grows to five, goes through a restart, and shrinks back, its leader first", async (t) => {
  const { market, ledger } = await begun(t);
  await whileOrdersFlow(ledger, async () => {
    await member(market, "add");
    await member(market, "add");
  });
  assert.equal(await members(market), "1 2 3 4 5");
  await agree(market, ledger);
  await market.stop();
  await market.up();
  await market.whole();
  assert.equal(await members(market), "1 2 3 4 5");
  const leader = await market.leader();
  await whileOrdersFlow(ledger, async () => {
    await member(market, "remove", leader);
    await member(market, "remove", leader === "order-1" ? "order-2" : "order-1");
  });
  assert.equal((await members(market)).split(" ").length, 3);
  assert.ok(!(await market.status()).processes.some(({ name }) => name === leader));
  await agree(market, ledger);
});

test("what would leave no majority that answers is refused, and changes nothing", async (t) => {
  const { market, ledger } = await begun(t);
  await market.hold("order-1");
  const refused = await market.run("member", "remove", "order-2");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /no majority answers/);
  assert.equal(await members(market), "1 2 3");
  await ledger.place(10);
  await market.start("order-1");
  await agree(market, ledger);
});

test("a supervisor that is killed in the middle leaves nothing that the next one does not finish", async (t) => {
  const { market, ledger } = await begun(t);
  const adding = market.run("member", "add");
  await eventually("the new replica on record", () =>
    readFileSync(market.file("data/cluster.json"), "utf8").includes('"joining"'),
  );
  await market.killSupervisor();
  await adding;
  await market.up();
  await eventually("the new member", async () => (await members(market)) === "1 2 3 4", 60_000);
  await agree(market, ledger);
});
