/** Cut and slow links on real sockets. This process is `a`; what it dials by name is `b`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { wireLimits } from "../base/limits.ts";
import { Connection } from "./connection.ts";
import { type DialedAddress, Dialer } from "./dialer.ts";
import { type LinkRules, linkFaults, noLinkRules } from "./link-faults.ts";
import { Listener } from "./listener.ts";

const aToB = { from: "a", to: "b" };
const bToA = { from: "b", to: "a" };

function rule(t: TestContext, rules: Partial<LinkRules>): void {
  linkFaults.set("a", { ...noLinkRules, ...rules });
  t.after(heal);
}

function heal(): void {
  linkFaults.set("a", noLinkRules);
}

/** Frames that arrived, by kind, and a wait for one of a kind. */
class Arrivals {
  readonly kinds: number[] = [];
  readonly #waiting = new Map<number, () => void>();

  take(kind: number): void {
    this.kinds.push(kind);
    this.#waiting.get(kind)?.();
  }

  async of(kind: number): Promise<void> {
    if (this.kinds.includes(kind)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(kind, resolve);
    await promise;
  }
}

interface Link {
  readonly socket: Socket;
  readonly connection: Connection;
  /** The other end. */
  readonly accepted: Connection;
  /** At this end. */
  readonly arrived: Arrivals;
  readonly closed: Promise<Error | undefined>;
}

interface World {
  /** A new connection; all frames of all of them arrive in `arrived`. */
  dial(peer?: string): Promise<Link>;
  readonly arrived: Arrivals;
  readonly port: number;
}

async function world(t: TestContext): Promise<World> {
  const arrived = new Arrivals();
  let accepted = Promise.withResolvers<Connection>();
  const listener = await Listener.open({ host: "127.0.0.1", port: 0 }, (connection) => {
    accepted.resolve(connection);
    return { frame: (kind) => arrived.take(kind), closed: () => undefined };
  });
  t.after(() => listener.close());
  const dial = async (peer?: string): Promise<Link> => {
    accepted = Promise.withResolvers();
    const socket = connect({ host: "127.0.0.1", port: listener.port });
    await once(socket, "connect");
    const here = new Arrivals();
    const { promise: closed, resolve } = Promise.withResolvers<Error | undefined>();
    const connection = new Connection(socket, { frame: (kind) => here.take(kind), closed: resolve }, peer);
    t.after(() => connection.close());
    return { socket, connection, accepted: await accepted.promise, arrived: here, closed };
  };
  return { dial, arrived, port: listener.port };
}

const frame = (connection: Connection, kind: number): boolean => connection.send(kind, () => {});

test("what is sent into a cut link is held, and arrives in order when it is healed", async (t) => {
  const { dial, arrived } = await world(t);
  const [cut, other] = [await dial("b"), await dial()];
  rule(t, { cuts: [aToB, bToA] });
  assert.ok(frame(cut.connection, 1) && frame(cut.connection, 2));
  await Promise.resolve();
  frame(cut.connection, 3);
  frame(other.connection, 99);
  await arrived.of(99);
  assert.deepEqual(arrived.kinds, [99]);
  heal();
  frame(cut.connection, 4);
  await arrived.of(4);
  assert.deepEqual(arrived.kinds, [99, 1, 2, 3, 4]);
  assert.equal(cut.connection.queuedBytes, 0);
});

test("where one way is cut the other goes on", async (t) => {
  const { dial, arrived } = await world(t);
  const link = await dial("b");
  rule(t, { cuts: [aToB] });
  frame(link.connection, 1);
  frame(link.accepted, 2);
  await link.arrived.of(2);
  assert.deepEqual(arrived.kinds, []);

  rule(t, { cuts: [bToA] });
  await arrived.of(1);
  const received = once(link.socket, "data");
  frame(link.accepted, 3);
  frame(link.connection, 4);
  await Promise.all([arrived.of(4), received]);
  assert.deepEqual(link.arrived.kinds, [2]);
  heal();
  assert.deepEqual(link.arrived.kinds, [2, 3]);
});

test("an accepted connection is cut as soon as it is known whose it is", async (t) => {
  const { dial, arrived } = await world(t);
  const link = await dial();
  rule(t, { cuts: [aToB, bToA] });
  frame(link.accepted, 1);
  await link.arrived.of(1);
  link.accepted.identify("b");
  frame(link.accepted, 2);
  const other = await dial();
  frame(other.connection, 99);
  await arrived.of(99);
  assert.deepEqual(link.arrived.kinds, [1]);
  heal();
  await link.arrived.of(2);
});

test("a cut link holds no more than any connection queues, and all that it took arrives", async (t) => {
  const { dial, arrived } = await world(t);
  const link = await dial("b");
  rule(t, { cuts: [aToB] });
  const large = new Uint8Array(8 * 1024 * 1024);
  let taken = 0;
  while (link.connection.send(1, (body) => body.raw(large))) {
    taken++;
    assert.ok(taken * large.length <= wireLimits.queuedBytes + large.length, "it has no bound");
    await Promise.resolve();
  }
  assert.equal(taken, Math.floor(wireLimits.queuedBytes / large.length));
  heal();
  await once(link.socket, "drain");
  frame(link.connection, 2);
  await arrived.of(2);
  assert.deepEqual(arrived.kinds, [...new Array<number>(taken).fill(1), 2]);
});

test("what comes over a cut link is read only so far as it is held", async (t) => {
  const { dial } = await world(t);
  const link = await dial("b");
  rule(t, { cuts: [bToA] });
  const paused = Promise.withResolvers<void>();
  link.socket.on("pause", () => paused.resolve());
  const large = new Uint8Array(wireLimits.frameBytes);
  link.accepted.send(1, (body) => body.raw(large));
  frame(link.accepted, 2);
  await paused.promise;
  assert.deepEqual(link.arrived.kinds, []);
  heal();
  await link.arrived.of(2);
  assert.deepEqual(link.arrived.kinds, [1, 2]);
});

test("that the peer behind a cut has ended is noticed when the cut is healed", async (t) => {
  const { dial } = await world(t);
  const link = await dial("b");
  rule(t, { cuts: [bToA] });
  const gone = once(link.socket, "close");
  link.accepted.close();
  await gone;
  assert.equal(link.connection.closed, false);
  assert.ok(frame(link.connection, 1), "what is sent to it is lost, and nobody knows");
  heal();
  assert.equal(await link.closed, undefined);
  assert.equal(frame(link.connection, 2), false);
});

test("who closes a connection behind a cut is told that it is closed, before and after its peer has ended", async (t) => {
  const { dial } = await world(t);
  const [open, ended] = [await dial("b"), await dial("b")];
  rule(t, { cuts: [aToB, bToA] });
  open.connection.close();
  await open.closed;
  const gone = once(ended.socket, "close");
  ended.accepted.close();
  await gone;
  ended.connection.close();
  ended.connection.close();
  await ended.closed;
});

/** What became of dialling there. */
function dialled(t: TestContext, address: DialedAddress) {
  const connected = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<void>();
  const seen: string[] = [];
  const dialer = new Dialer(address, {
    connected: () => {
      seen.push("connected");
      connected.resolve();
    },
    frame: () => undefined,
    lost: () => seen.push("lost"),
    refused: () => {
      seen.push("refused");
      refused.resolve();
    },
  });
  t.after(() => dialer.close());
  return { seen, connected: connected.promise, refused: refused.promise };
}

/** Where nobody listens any more. */
async function deadPort(): Promise<number> {
  const empty = await Listener.open({ host: "127.0.0.1", port: 0 }, () => assert.fail("nobody dials"));
  const { port } = empty;
  await empty.close();
  return port;
}

for (const [what, cut] of [
  ["there", aToB],
  ["back", bToA],
] as const) {
  test(`a dial hangs while the way ${what} is cut: it is neither answered nor refused`, async (t) => {
    const { port } = await world(t);
    const emptyPort = await deadPort();
    const address = { host: "127.0.0.1", port };
    rule(t, { cuts: [cut] });
    const there = dialled(t, { ...address, name: "b" });
    const nowhere = dialled(t, { ...address, port: emptyPort, name: "b" });
    const others = [
      dialled(t, { ...address, name: "c" }).connected,
      dialled(t, { ...address, port: emptyPort }).refused,
    ];
    await Promise.all(others);
    assert.deepEqual([there.seen, nowhere.seen], [[], []]);
    heal();
    await Promise.all([there.connected, nowhere.refused]);
  });
}

test("a dial that is refused behind a cut is one that got no answer", async (t) => {
  const address = { host: "127.0.0.1", port: await deadPort() };
  const behind = dialled(t, { ...address, name: "b" });
  rule(t, { cuts: [aToB, bToA] });
  // What was dialled before a dial that was refused has been refused too.
  await dialled(t, address).refused;
  await dialled(t, address).refused;
  assert.deepEqual(behind.seen, []);
  heal();
  assert.deepEqual(behind.seen, [], "it is dialled again first");
  await behind.refused;
});

test("a slow link delays what is sent and what is received, and changes no order", async (t) => {
  const { dial, arrived } = await world(t);
  const link = await dial("b");
  const delayMs = 40;
  rule(t, { slows: [{ name: "a", delayMs, loss: 0.2 }] });
  const began = performance.now();
  const kinds = Array.from({ length: 50 }, (_, i) => i + 1);
  for (const kind of kinds) {
    frame(link.connection, kind);
    await Promise.resolve();
  }
  await arrived.of(50);
  assert.deepEqual(arrived.kinds, kinds);
  const thereMs = performance.now() - began;
  // The clock that timers go by is coarser than the one that is read.
  assert.ok(thereMs >= delayMs - 1, `${thereMs} ms`);
  frame(link.accepted, 1);
  await link.arrived.of(1);
  const bothMs = performance.now() - began;
  assert.ok(bothMs >= 2 * delayMs - 2, `${bothMs} ms`);
});
