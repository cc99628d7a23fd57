/** Several front-ends behind the one public port of a real system, broken on purpose. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bazaar, eventually, type RunningUp, temporaryDirectory, up } from "./system-under-test.ts";

const manyMs = 1_500;

/** Over a connection of its own. */
async function get(url: string): Promise<Response> {
  return await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(10_000) });
}

/** So many requests in a row, each over a connection of its own; returns how long the slowest took. */
async function slowestOf(running: RunningUp, count: number): Promise<number> {
  let slowestMs = 0;
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    const reply = await get(`${running.url}/livez`);
    assert.equal(reply.status, 200);
    await reply.arrayBuffer();
    slowestMs = Math.max(slowestMs, performance.now() - began);
  }
  return slowestMs;
}

async function ownPorts(running: RunningUp): Promise<readonly number[]> {
  const reply = await get(`${running.url}/cluster`);
  const { data } = (await reply.json()) as { data: { processes: { role: string; port: number }[] } };
  return data.processes.filter(({ role }) => role === "frontend").map(({ port }) => port);
}

test("one public port serves two front-ends, each of which has a port of its own in /cluster and in what up says", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--frontends", "2", "--catalogs", "1", "--orders", "1");
  const names = (await running.status()).processes.map(({ name, role }) => `${name} ${role}`);
  assert.deepEqual(names, [
    "order-1 order",
    "catalog-1 catalog",
    "frontend-1 frontend",
    "frontend-2 frontend",
  ]);
  const ports = await ownPorts(running);
  assert.equal(new Set([...ports, Number(new URL(running.url).port)]).size, 3);
  for (const port of ports) {
    assert.equal((await get(`http://127.0.0.1:${port}/livez`)).status, 200);
    assert.match(running.said.stdout, new RegExp(`front-ends .*frontend-\\d ${port}`));
  }
  assert.match(running.said.stdout, /catalogs +catalog-1 \d+\n/);
  const port = new URL(running.url).port;
  const second = await bazaar("up", "--data", temporaryDirectory(t), "--port", port);
  assert.equal(second.code, 2);
  assert.match(second.stderr, new RegExp(`Port ${port} on 127.0.0.1 is taken by another program`));
});

test("while a front-end is paused, or after it was killed, new connections succeed at once", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--frontends", "2", "--catalogs", "0", "--orders", "1");
  for (const frontend of ["frontend-1", "frontend-2"]) {
    assert.equal((await running.run("pause", frontend)).code, 0);
    assert.ok((await slowestOf(running, 20)) < manyMs);
    assert.equal((await running.run("resume", frontend)).code, 0);
    assert.ok((await slowestOf(running, 5)) < manyMs);
  }
  assert.equal((await running.run("kill", "frontend-1", "--stay-down")).code, 0);
  assert.ok((await slowestOf(running, 20)) < manyMs);
  assert.equal((await running.run("start", "frontend-1")).code, 0);
  await eventually("frontend-1 again", async () => (await running.process("frontend-1")).life === "ready");
  assert.ok((await slowestOf(running, 20)) < manyMs);
});

test("Ctrl-C ends a system with several front-ends in order, and without catalogs", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--frontends", "3", "--catalogs", "0", "--orders", "1");
  assert.equal((await running.run("pause", "frontend-2")).code, 0);
  running.child.kill("SIGINT");
  assert.equal(await running.exit, 0);
  await assert.rejects(get(running.url));
});
