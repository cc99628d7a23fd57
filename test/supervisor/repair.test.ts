/** An operator has a replica's database set aside, and the replica builds another. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { eventually, type Ran, type RunningUp, temporaryDirectory, up } from "./system-under-test.ts";

async function down(running: RunningUp, name: string): Promise<void> {
  assert.equal((await running.run("kill", name, "--stay-down")).code, 0);
  await eventually(`${name} down`, async () => (await running.process(name)).life === "down");
}

/** What `check --deep` says once every replica has written down what it holds. */
async function deepCheck(running: RunningUp): Promise<Ran> {
  return await eventually("all replicas to be compared", async () => {
    const checked = await running.run("check", "--deep");
    return checked.code !== 4 && checked;
  });
}

test("check --deep names a replica whose database is wrong, and repair lets it build another and keeps the old one", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--catalogs", "0");
  assert.equal((await deepCheck(running)).code, 0);
  await down(running, "order-1");
  const database = new Database(join(running.directory, "order-1", "orders.sqlite"));
  database.exec("UPDATE items SET quantity = quantity + 1 WHERE id = 1");
  database.close();
  assert.equal((await running.run("start", "order-1")).code, 0);
  await eventually("order-1 up", async () => (await running.process("order-1")).life === "ready");
  const wrong = await deepCheck(running);
  assert.equal(wrong.code, 3, wrong.stdout);
  assert.match(wrong.stdout, /order-1 differs: `repair order-1` sets its database aside/);
  assert.doesNotMatch(wrong.stdout, /repair order-[23]/);

  const repaired = await running.run("repair", "order-1");
  assert.equal(repaired.code, 0, repaired.stderr);
  const aside = join(running.directory, "order-1", "orders.sqlite.set-aside-1");
  assert.ok(repaired.stderr.includes(aside), repaired.stderr);
  assert.ok(existsSync(aside));
  await eventually("order-1 again", async () => (await running.process("order-1")).life === "ready");
  const mended = await deepCheck(running);
  assert.equal(mended.code, 0, mended.stdout);
});

test("repair refuses what is no replica, and a replica while another one is away", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--catalogs", "0");
  const frontend = await running.run("repair", "frontend-1");
  assert.equal(frontend.code, 1);
  assert.match(frontend.stderr, /frontend-1 is no order replica/);
  assert.equal((await running.run("pause", "order-2")).code, 0);
  const refused = await running.run("repair", "order-1");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /order-2 is paused/);
  assert.equal(existsSync(join(running.directory, "order-1", "orders.sqlite.set-aside-1")), false);
  assert.equal((await running.process("order-1")).life, "ready");
});

test("`kill leader` right after another kill waits for the next leader", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--orders", "5", "--catalogs", "0");
  for (let i = 0; i < 2; i++) {
    const killed = await running.run("kill", "leader");
    assert.equal(killed.code, 0, killed.stderr);
  }
});
