/** `up --log course`: the published protocol's processes, labelled as unsafe, apart from any data of ours. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bazaar, eventually, temporaryDirectory, up } from "./system-under-test.ts";

interface Order {
  readonly data?: { readonly order_number: number };
}

async function place(url: string): Promise<{ readonly status: number; readonly number: number | undefined }> {
  const body = JSON.stringify({ name: "FishCo", quantity: 1 });
  const reply = await fetch(`${url}/orders`, { method: "POST", body });
  const { data } = (await reply.json()) as Order;
  return { status: reply.status, number: data?.order_number };
}

test("--log course starts one front-end, one catalog and three replicas, says that it is unsafe, and is", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--log", "course", "--orders", "3");
  assert.match(running.said.stderr, /UNSAFE, for teaching/);
  const cluster = await running.status();
  assert.equal(cluster.engine, "course");
  assert.equal(cluster.leader, "order-3");
  assert.deepEqual(
    cluster.processes.map(({ name }) => name),
    ["order-1", "order-2", "order-3", "catalog-1", "frontend-1"],
  );
  const told = await running.run("status");
  assert.match(told.stdout, /order-3 leads \(log course: UNSAFE\)/);

  assert.deepEqual(await place(running.url), { status: 200, number: 0 });
  const killed = await running.run("kill", "leader", "--stay-down");
  assert.equal(killed.code, 0, killed.stderr);
  assert.deepEqual(await place(running.url), { status: 200, number: 1 });
  const leads = async () => (await running.status()).leader === "order-2";
  await eventually("order-2 to lead", leads);
  await running.run("start", "order-3");
  await eventually("order-3 to be back", async () => (await running.process("order-3")).life === "ready");
  const log = (name: string): string => readFileSync(join(running.directory, name, "orders.log"), "utf8");
  assert.equal(log("order-3"), log("order-2"));

  // The first of its five faults, with real processes: a confirmed order that never left its leader.
  for (const follower of ["order-1", "order-3"]) await running.run("cut", "order-2", follower);
  assert.deepEqual(await place(running.url), { status: 200, number: 2 });
  await running.run("kill", "order-2", "--stay-down");
  assert.equal((await fetch(`${running.url}/orders/2`)).status, 404);

  const shown = await running.run("log", "show", "order-3");
  assert.equal(shown.code, 2);
  assert.match(shown.stderr, /orders\.log/);
  assert.equal((await running.run("down")).code, 0);

  const other = await bazaar("up", "--data", running.directory, "--port", "0");
  assert.equal(other.code, 2);
  assert.match(other.stderr, /its log is "course", and --log is "embedded"/);
  assert.match(other.stderr, /Go on with this cluster by --log course/);
});

test("--log course refuses our own data, and more than one front-end", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--orders", "1");
  assert.equal((await running.run("down")).code, 0);
  const course = await bazaar("up", "--log", "course", "--data", running.directory, "--port", "0");
  assert.equal(course.code, 2);
  assert.match(course.stderr, /its log is "embedded", and --log is "course"/);
  const two = await bazaar("up", "--log", "course", "--frontends", "2", "--data", temporaryDirectory(t));
  assert.equal(two.code, 2);
  assert.match(two.stderr, /one front-end/);
});
