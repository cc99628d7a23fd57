import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ByteReader } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { logIndex, orderNumber, position } from "../base/units.ts";
import { readState } from "../market/codec.ts";
import { openMemoryStore } from "../store/memory.ts";
import { Connection } from "../wire/connection.ts";
import { type CopyRequest, sendCopyRequest } from "../wire/copy.ts";
import { helloFrame, writeHello } from "../wire/hello.ts";
import {
  copierHello,
  freezingAs,
  openSource,
  ordersOf,
  storeOf,
  type TestSource,
} from "./copy.test-support.ts";
import { CopyLink, SourceFailed } from "./copy-link.ts";
import { CopySource, copySourceLimits } from "./copy-source.ts";

const begin: CopyRequest = { kind: "begin", atLeast: logIndex(1) };

function linkTo(t: TestContext, source: TestSource): CopyLink {
  const link = new CopyLink(source.address, copierHello, new AbortController().signal);
  t.after(() => link.close());
  return link;
}

function refused(error: unknown): boolean {
  return error instanceof SourceFailed && !error.damaged && error.message === "refuses: unavailable";
}

/**
 * A copier's connection that says these things at once, and `afterwards` when it has the first answer; resolves when it
 * is cut off.
 */
async function sayAll(
  t: TestContext,
  source: TestSource,
  requests: readonly CopyRequest[],
  afterwards: readonly CopyRequest[] = [],
): Promise<void> {
  const socket = connect({ host: source.address.host, port: source.address.port });
  t.after(() => socket.destroy());
  let answers = 0;
  const connection = new Connection(socket, {
    frame: () => {
      if (answers++ > 0) return;
      for (const request of afterwards) sendCopyRequest(connection, request);
    },
    closed: () => {},
  });
  const closed = once(socket, "close");
  connection.send(helloFrame, (body) => writeHello(body, copierHello));
  for (const request of requests) sendCopyRequest(connection, request);
  await closed;
}

test("a state comes in parts, and its rows in ranges that end", async (t) => {
  const store = storeOf(100);
  const link = linkTo(t, await openSource(t, 2, store));
  let part = await link.ask(begin, "state");
  const parts = [part.bytes];
  while (part.more) {
    part = await link.ask({ kind: "more" }, "state");
    parts.push(part.bytes);
  }
  assert.ok(parts.length > 2, `${parts.length} parts`);
  const state = readState(new ByteReader(Buffer.concat(parts)));
  assert.deepEqual(state, (await store.load()).state);
  const last = orderNumber(state.counters.nextOrder - 1);
  const { rows } = await link.ask({ kind: "orders", from: last }, "rows");
  assert.deepEqual(ordersOf(rows), await store.orders({ limit: 1 }));
  const none = await link.ask({ kind: "orders", from: state.counters.nextOrder }, "rows");
  assert.deepEqual(ordersOf(none.rows), []);
  const noAnswers = await link.ask({ kind: "answers", after: state.counters.position }, "rows");
  assert.equal(new ByteReader(noAnswers.rows).varint(), 0);
});

test("a third copier is refused until one of two is gone, and the view with it", async (t) => {
  const model = storeOf(10);
  const closed = Promise.withResolvers<void>();
  const store = freezingAs(model, (frozen) => ({
    ...frozen,
    close: async () => {
      await frozen.close();
      closed.resolve();
    },
  }));
  const source = await openSource(t, 2, store);
  const [first, second] = [linkTo(t, source), linkTo(t, source)];
  await first.ask(begin, "state");
  await second.ask(begin, "state");
  await assert.rejects(linkTo(t, source).ask(begin, "state"), refused);
  first.close();
  await closed.promise;
  await linkTo(t, source).ask(begin, "state");
});

test("what others may not have is refused: an empty store, one that is behind, one that is itself copied into", async (t) => {
  const asked = { kind: "begin", atLeast: logIndex(11) } as const;
  const behind = await openSource(t, 2, storeOf(10));
  await assert.rejects(linkTo(t, behind).ask(asked, "state"), refused);
  const empty = await openSource(t, 3, openMemoryStore());
  await assert.rejects(linkTo(t, empty).ask({ kind: "begin", atLeast: logIndex(0) }, "state"), refused);
  const store = storeOf(10);
  await store.copy();
  const copying = await openSource(t, 4, store);
  await assert.rejects(linkTo(t, copying).ask(begin, "state"), refused);
});

test("a failure of the store is told with its code", async (t) => {
  const store = freezingAs(storeOf(10), (frozen) => ({
    ...frozen,
    orders: () => Promise.reject(new OperatingFailure("storage", "The view is over.")),
  }));
  const link = linkTo(t, await openSource(t, 2, store, { partBytes: 1_000_000 }));
  await link.ask(begin, "state");
  await assert.rejects(link.ask({ kind: "orders", from: orderNumber(0) }, "rows"), /refuses: storage/);
});

for (const [what, requests] of [
  ["begins twice", [begin, begin]],
  ["asks for rows before it began", [{ kind: "orders", from: orderNumber(0) }]],
  ["asks for answers before it began", [{ kind: "answers", after: position(0) }]],
  ["asks for more of a state before it began", [{ kind: "more" }]],
] as const) {
  test(`a copier that ${what} is cut off`, async (t) => {
    await sayAll(t, await openSource(t, 2, storeOf(10)), requests);
  });
}

test("a copier that asks again before it is answered is cut off", async (t) => {
  const source = await openSource(t, 2, storeOf(10), { partBytes: 1_000_000 });
  const first: CopyRequest = { kind: "orders", from: orderNumber(0) };
  await sayAll(t, source, [begin], [first, first]);
});

test("a copier that asks for nothing is hung up on", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const socket = new Socket();
  t.after(() => socket.destroy());
  const connection = new Connection(socket, { frame: () => {}, closed: () => {} });
  const source = new CopySource({ store: storeOf(10) });
  source.accept(connection);
  t.mock.timers.tick(copySourceLimits.idleMs - 1);
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(socket.destroyed, true);
});

test("a source that is closed waits for what is being read, and lets go of its view", async (t) => {
  const reading = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const done: string[] = [];
  const store = freezingAs(storeOf(10), (frozen) => ({
    ...frozen,
    orders: async (from, maxBytes) => {
      reading.resolve();
      await gate.promise;
      done.push("read");
      return frozen.orders(from, maxBytes);
    },
    close: async () => {
      done.push("let go");
      await frozen.close();
    },
  }));
  const source = await openSource(t, 2, store, { partBytes: 1_000_000 });
  const link = linkTo(t, source);
  await link.ask(begin, "state");
  const lost = assert.rejects(link.ask({ kind: "orders", from: orderNumber(0) }, "rows"), SourceFailed);
  await reading.promise;
  const closing = source.close();
  await lost;
  assert.deepEqual(done, []);
  gate.resolve();
  await closing;
  assert.deepEqual(done, ["read", "let go"]);
});
