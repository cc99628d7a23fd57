/** The life of a real system: started, broken on purpose, stopped, killed. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bazaar, eventually, isAlive, temporaryDirectory, up } from "./system-under-test.ts";

test("up says where it is, its front-end answers, status shows everything, and down ends all of it", async (t) => {
  const running = await up(t, join(temporaryDirectory(t), "data"));
  assert.match(running.said.stdout, /ready in \d+\.\d s: http:\/\/127\.0\.0\.1:\d+\n/);
  assert.equal((await fetch(`${running.url}/cluster`)).status, 200);
  const names = (await running.status()).processes.map(({ name, life }) => `${name} ${life}`);
  assert.deepEqual(names, [
    "order-1 ready",
    "order-2 ready",
    "order-3 ready",
    "catalog-1 ready",
    "catalog-2 ready",
    "frontend-1 ready",
  ]);
  const pids = running.pidsSeen;
  assert.equal((await running.run("down")).code, 0);
  assert.equal(await running.exit, 0);
  assert.deepEqual(pids.filter(isAlive), []);
  assert.equal(existsSync(join(running.directory, "control.sock")), false);
  const after = await running.run("status");
  assert.equal(after.code, 4);
  assert.match(after.stderr, /npm start/);
});

test("a killed process is restarted, one killed with --stay-down only by start", async (t) => {
  const running = await up(t, temporaryDirectory(t));
  const before = await running.process("order-1");
  assert.equal((await running.run("kill", "order-1")).code, 0);
  const after = await eventually("order-1 again", async () => {
    const row = await running.process("order-1");
    return row.life === "ready" && row.pid !== before.pid && row;
  });
  assert.equal(after.restarts, 1);
  assert.equal(after.port, before.port);

  assert.equal((await running.run("kill", "order-2", "--stay-down")).code, 0);
  await eventually("order-2 down", async () => (await running.process("order-2")).life === "down");
  const started = await running.run("start", "order-2");
  assert.equal(started.code, 0, started.stderr);
  await eventually("order-2 up", async () => (await running.process("order-2")).life === "ready");
  assert.equal((await running.run("start", "order-2")).code, 1);
});

test("a paused process is shown as paused until it is resumed", async (t) => {
  const running = await up(t, temporaryDirectory(t));
  assert.equal((await running.run("pause", "order-2")).code, 0);
  const paused = await running.process("order-2");
  assert.equal(paused.life, "paused");
  assert.equal(paused.up, false);
  assert.equal((await running.run("pause", "order-2")).code, 1);
  assert.equal((await running.run("resume", "order-2")).code, 0);
  await eventually("order-2 ready", async () => (await running.process("order-2")).life === "ready");
  const unknown = await running.run("pause", "order-9");
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /order-1, order-2, order-3, catalog-1, catalog-2, frontend-1/);
});

test("a process that was stopped by somebody else is shown as paused too", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--orders", "1");
  const { pid } = await running.process("order-1");
  assert.ok(pid !== null);
  process.kill(pid, "SIGSTOP");
  await eventually("paused", async () => (await running.process("order-1")).life === "paused");
  assert.equal((await running.run("resume", "order-1")).code, 0);
  await eventually("ready", async () => (await running.process("order-1")).life === "ready");
});

test("Ctrl-C stops everything in order, also with a paused process", async (t) => {
  const running = await up(t, temporaryDirectory(t));
  assert.equal((await running.run("pause", "order-3")).code, 0);
  running.child.kill("SIGINT");
  assert.equal(await running.exit, 0);
  assert.deepEqual(running.pidsSeen.filter(isAlive), []);
});

test("nothing outlives a SIGKILL of the supervisor, and up works at once afterwards", async (t) => {
  const directory = temporaryDirectory(t);
  const running = await up(t, directory);
  assert.equal((await running.run("pause", "order-2")).code, 0);
  const pids = running.pidsSeen;
  assert.equal(pids.length, 6);
  running.child.kill("SIGKILL");
  const gone = eventually("all gone", () => pids.every((pid) => !isAlive(pid)), 2_000);
  const [again] = await Promise.all([up(t, directory), gone]);
  assert.equal((await again.status()).processes.filter((row) => row.up).length, 6);
});

test("check compares the replicas, and names one that is down", async (t) => {
  const running = await up(t, temporaryDirectory(t));
  const plain = await running.run("check");
  assert.equal(plain.code, 0, plain.stdout + plain.stderr);
  assert.match(plain.stdout, /equal at position \d+: [0-9a-f]{32}/);
  const deep = await running.run("check", "--deep", "--json");
  assert.equal(deep.code, 0, deep.stdout + deep.stderr);
  assert.equal(JSON.parse(deep.stdout).deep.sightings.length, 3);
  assert.equal((await running.run("kill", "order-1", "--stay-down")).code, 0);
  await eventually("order-1 down", async () => (await running.process("order-1")).life === "down");
  const without = await running.run("check");
  assert.match(without.stdout, /order-1 is down/);
});

test("log show tells each order with what became of it", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--orders", "1");
  const statuses: number[] = [];
  for (const quantity of [3, 1_000_000]) {
    const { status } = await fetch(`${running.url}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "FishCo", quantity }),
    });
    statuses.push(status);
  }
  assert.equal(statuses[0], 200);
  assert.ok((statuses[1] ?? 0) >= 400);
  const { code, stdout, stderr } = await running.run("log", "show", "order-1");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /buy 3 FishCo .*→ {2}order 0, total \d+\n/);
  assert.match(stdout, /buy 1000000 FishCo .*→ {2}refused, insufficient-stock: 1000000 FishCo asked/);
});

test("watch shows what happens as it happens", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--orders", "1");
  const watching = bazaar("watch", "--json", "--data", running.directory);
  // The watcher is there once an event reached it; kills are repeated until then, and `down` ends it.
  await eventually("a few lives", async () => {
    await running.run("kill", "order-1");
    return (await running.process("order-1")).restarts >= 2;
  });
  assert.equal((await running.run("down")).code, 0);
  const { code, stdout } = await watching;
  assert.equal(code, 0);
  const kinds = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).event.kind as string);
  assert.ok(kinds.includes("process-exited"), stdout);
});
