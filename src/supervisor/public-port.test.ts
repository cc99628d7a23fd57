/** The public port before real processes: a few lines of Node that take connections as a front-end does. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ProcessLog } from "./process-log.ts";
import { PublicPort, publicPortLimits } from "./public-port.ts";
import { StartRefused } from "./refusal.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** Greets each connection with its own name, then sends back what it is sent. Named "mute", it takes none. */
const program = `
const name = process.argv[1];
process.on("message", ({ kind }, socket) => {
  if (kind === "stop") process.exit(0);
  if (kind === "ping") process.send({ kind: "pong" });
  if (kind !== "connection" || name === "mute") return;
  process.send({ kind: "taken" }, undefined, undefined, () => {
    if (!socket) return;
    socket.on("error", () => undefined);
    socket.write(name + "\\n");
    socket.pipe(socket);
  });
});
process.on("disconnect", () => process.exit(1));
process.send({ kind: "ready" });
`;

/** Every client of this file; those that are left are ended with it. */
const sockets = new Set<Socket>();
after(() => {
  for (const socket of sockets) socket.destroy();
});

interface Started {
  readonly port: number;
  readonly processes: readonly SupervisedProcess[];
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < giveUpMs, `waited in vain for: ${what}`);
    await sleep(5);
  }
}

async function start(t: TestContext, ...names: string[]): Promise<Started> {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-public-port-"));
  const publicPort = await PublicPort.open({ host: "127.0.0.1", port: 0 });
  const logs = names.map((_, i) => new ProcessLog(join(directory, `${i}.log`)));
  const processes = logs.map((log, i) => {
    const name = names[i] ?? "";
    const command = [process.execPath, "-e", program, name];
    return new SupervisedProcess(
      { name, role: "frontend", id: i + 1, host: "127.0.0.1", port: 0, command, log },
      {
        timeline: () => undefined,
        changed: () => undefined,
        cluster: () => Promise.reject(new Error("nobody asks")),
      },
    );
  });
  t.after(async () => {
    publicPort.close();
    for (const one of processes) one.kill(true);
    await Promise.all(processes.map((one) => one.stop()));
    for (const log of logs) log.close();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const one of processes) one.spawn();
  publicPort.serve(processes.map(({ taker }) => taker));
  await until("all to be ready", () => processes.every(({ life }) => life === "ready"));
  return { port: publicPort.port, processes };
}

interface Client {
  readonly socket: Socket;
  /** What greeted it; "" if it was closed without. */
  readonly greeting: Promise<string>;
  readonly tookMs: Promise<number>;
}

function client(port: number): Client {
  const began = performance.now();
  const socket = connect(port, "127.0.0.1");
  sockets.add(socket);
  const greeted = Promise.withResolvers<string>();
  socket.once("data", (bytes: Buffer) => greeted.resolve(bytes.toString().trim()));
  socket.on("error", () => undefined);
  socket.once("close", () => greeted.resolve(""));
  const tookMs = greeted.promise.then(() => performance.now() - began);
  return { socket, greeting: greeted.promise, tookMs };
}

async function greetings(port: number, count: number): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < count; i++) seen.push(await client(port).greeting);
  return seen;
}

/** Resolves when `text` has come back. */
async function echoed(socket: Socket, text: string, sent = text): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let received = "";
  socket.on("data", (bytes: Buffer) => {
    received += bytes.toString();
    if (received.includes(text)) resolve();
  });
  socket.write(sent);
  await promise;
}

test("connections go to the front-ends in turn, with all that was sent before they were handed over", async (t) => {
  const { port } = await start(t, "a", "b");
  const seen = await greetings(port, 4);
  assert.deepEqual(seen.toSorted(), ["a", "a", "b", "b"]);
  assert.notEqual(seen[0], seen[1]);
  const early = client(port);
  early.socket.write("early ");
  await echoed(early.socket, "early late", "late");
});

test("a hundred connections at once are all served, by both", async (t) => {
  const { port } = await start(t, "a", "b");
  const all = await Promise.all(Array.from({ length: 100 }, () => client(port).greeting));
  const ofA = all.filter((name) => name === "a").length;
  assert.equal(ofA + all.filter((name) => name === "b").length, 100);
  assert.ok(ofA >= 30 && ofA <= 70, `${ofA} of 100 went to one of two`);
});

test("a paused front-end gets no connections and keeps its own, and has its turn again when it goes on", async (t) => {
  const { port, processes } = await start(t, "a", "b");
  const kept = [client(port), client(port)];
  const ofA = (await kept[0]?.greeting) === "a" ? kept[0] : kept[1];
  const [a] = processes;
  assert.ok(ofA !== undefined && a !== undefined);
  assert.ok(a.pause());
  const during = Array.from({ length: 10 }, () => client(port));
  for (const one of during) assert.equal(await one.greeting, "b");
  for (const one of during) assert.ok((await one.tookMs) < 1_000);
  assert.ok(a.resume());
  await echoed(ofA.socket, "still here");
  await until("it to be in turn", () => a.taker.isFit(performance.now()));
  assert.ok((await greetings(port, 2)).includes("a"));
});

test("a front-end that somebody else stopped holds up one connection at most, and takes it when it goes on", async (t) => {
  const { port, processes } = await start(t, "a", "b");
  const pid = processes[0]?.pid;
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGSTOP");
  const clients = Array.from({ length: 20 }, () => client(port));
  let served = 0;
  for (const { greeting } of clients) void greeting.then(() => served++);
  await until("all but one to be served", () => served >= 19);
  process.kill(pid, "SIGCONT");
  const names = await Promise.all(clients.map(({ greeting }) => greeting));
  assert.ok(names.filter((name) => name === "b").length >= 19);
  assert.ok(!names.includes(""), "none was closed");
});

test("a connection that a killed front-end had not taken is served by another", async (t) => {
  const { port, processes } = await start(t, "mute", "b");
  const [mute] = processes;
  // Turns alternate: of two connections one goes to each.
  const clients = [client(port), client(port)];
  await Promise.race(clients.map(({ greeting }) => greeting));
  assert.notEqual(mute?.taker.busySinceMs, undefined);
  mute?.kill(true);
  assert.deepEqual(await Promise.all(clients.map(({ greeting }) => greeting)), ["b", "b"]);
});

test("a front-end that is killed takes its own connections with it, and new ones succeed at once", async (t) => {
  const { port, processes } = await start(t, "a", "b");
  const pair = [client(port), client(port)];
  const names = await Promise.all(pair.map(({ greeting }) => greeting));
  const [ofA, ofB] = names[0] === "a" ? pair : pair.toReversed();
  assert.ok(ofA !== undefined && ofB !== undefined);
  const closed = new Promise((resolve) => ofA.socket.once("close", resolve));
  processes[0]?.kill(true);
  const next = client(port);
  assert.equal(await next.greeting, "b");
  assert.ok((await next.tookMs) < 1_000);
  await closed;
  await echoed(ofB.socket, "unharmed");
});

test("without a front-end a connection waits for one to come back, and not longer than its bound", async (t) => {
  const { port, processes } = await start(t, "a");
  const [a] = processes;
  assert.ok(a !== undefined);
  assert.ok(a.pause());
  const inVain = client(port);
  assert.equal(await inVain.greeting, "");
  const tookMs = await inVain.tookMs;
  assert.ok(tookMs >= publicPortLimits.waitMs - 5 && tookMs < publicPortLimits.waitMs + 1_000, `${tookMs}`);
  const patient = client(port);
  await new Promise((resolve) => patient.socket.once("connect", resolve));
  assert.ok(a.resume());
  assert.equal(await patient.greeting, "a");
});

test("no more connections wait than the bound: one more is closed at once", async (t) => {
  const { port, processes } = await start(t, "a");
  const [a] = processes;
  assert.ok(a !== undefined);
  assert.ok(a.pause());
  const waiting = Array.from({ length: publicPortLimits.waiting }, () => client(port));
  await Promise.all(waiting.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))));
  assert.equal(await client(port).greeting, "");
  assert.ok(a.resume());
  const names = await Promise.all(waiting.map(({ greeting }) => greeting));
  assert.equal(names.filter((name) => name === "a").length, publicPortLimits.waiting);
});

test("a port that is taken is refused with what to do", async (t) => {
  const { port } = await start(t, "a");
  await assert.rejects(PublicPort.open({ host: "127.0.0.1", port }), (error) => {
    assert.ok(error instanceof StartRefused);
    assert.match(error.message, new RegExp(`Port ${port} on 127.0.0.1 is taken by another program`));
    return true;
  });
});
