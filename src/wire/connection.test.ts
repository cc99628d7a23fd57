import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { wireLimits } from "../base/limits.ts";
import { Connection } from "./connection.ts";
import { Listener } from "./listener.ts";

interface Pair {
  readonly dialled: Connection;
  readonly socket: Socket;
  /** What arrived at the other side: kind and body. */
  readonly frames: { readonly kind: number; readonly body: Uint8Array }[];
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

async function pair(onFrame: () => void = () => {}): Promise<Pair> {
  const frames: { kind: number; body: Uint8Array }[] = [];
  const closed = Promise.withResolvers<void>();
  const listener = await Listener.open({ host: "127.0.0.1", port: 0 }, () => ({
    frame: (kind, body) => {
      frames.push({ kind, body: body.raw(body.remaining) });
      onFrame();
    },
    closed: () => closed.resolve(),
  }));
  const socket = connect({ host: "127.0.0.1", port: listener.port });
  await once(socket, "connect");
  const dialled = new Connection(socket, { frame: () => {}, closed: () => {} });
  const close = async (): Promise<void> => {
    dialled.close();
    await listener.close();
  };
  return { dialled, socket, frames, closed: closed.promise, close };
}

test("frames arrive whole and in order, however the bytes were cut on the way", async () => {
  const done = Promise.withResolvers<void>();
  let arrived = 0;
  const lengths = [0, 1, 5, 70_000, 3, 1_000_000, 2];
  const both = await pair(() => {
    if (++arrived === lengths.length) done.resolve();
  });
  try {
    for (const [i, length] of lengths.entries()) {
      assert.ok(both.dialled.send(i + 1, (body) => body.raw(new Uint8Array(length).fill(i + 1))));
    }
    await done.promise;
    assert.deepEqual(
      both.frames.map(({ kind, body }) => [kind, body.length, body.every((byte) => byte === kind)]),
      lengths.map((length, i) => [i + 1, length, true]),
    );
  } finally {
    await both.close();
  }
});

test("a peer that announces a frame larger than any may be is cut off", async () => {
  const both = await pair();
  try {
    const header = Buffer.alloc(5);
    header.writeUInt32LE(wireLimits.frameBytes + 1);
    both.socket.write(header);
    await both.closed;
    assert.deepEqual(both.frames, []);
  } finally {
    await both.close();
  }
});

test("a frame that is larger than any may be is never sent", async () => {
  const both = await pair();
  try {
    const tooLarge = new Uint8Array(wireLimits.frameBytes + 1);
    assert.throws(() => both.dialled.send(1, (body) => body.raw(tooLarge)), /which no peer would take/);
  } finally {
    await both.close();
  }
});

test("a connection that is closed sends nothing and says so", async () => {
  const both = await pair();
  both.dialled.close();
  await both.closed;
  assert.equal(
    both.dialled.send(1, () => {}),
    false,
  );
  await both.close();
});
