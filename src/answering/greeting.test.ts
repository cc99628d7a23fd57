import assert from "node:assert/strict";
import { once } from "node:events";
import { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { Connection } from "../wire/connection.ts";
import { helloFrame, writeHello } from "../wire/hello.ts";
import { greeted } from "./greeting.ts";

const longMs = 60_000;
const laterFrame = 77;

/** A connection that was accepted, and what reaches the one who greets; the clock stands still until it is moved. */
function accepted(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const socket = new Socket();
  t.after(() => socket.destroy());
  const connection = new Connection(socket, { frame: () => {}, closed: () => {} });
  const seen: string[] = [];
  const acceptor = greeted(connection, "c", ({ name }) => {
    seen.push(name);
    return { frame: (kind) => seen.push(`frame ${kind}`), closed: () => seen.push("closed") };
  });
  return { socket, acceptor, seen };
}

function hello(cluster: string): ByteReader {
  const body = new ByteWriter(64);
  writeHello(body, { cluster, role: "frontend", name: "frontend-1", id: 1, incarnation: 1 });
  return new ByteReader(body.finish());
}

const nothing = (): ByteReader => new ByteReader(new Uint8Array());

test("a connection on which no hello comes in time is closed", async (t) => {
  const { socket } = accepted(t);
  t.mock.timers.tick(4_999);
  assert.equal(socket.destroyed, false);
  const closed = once(socket, "close");
  t.mock.timers.tick(1);
  await closed;
});

test("after its hello a connection's frames and its end go to whom it was given, and it may be silent", (t) => {
  const { socket, acceptor, seen } = accepted(t);
  acceptor.frame(helloFrame, hello("c"));
  t.mock.timers.tick(longMs);
  assert.equal(socket.destroyed, false);
  acceptor.frame(laterFrame, nothing());
  acceptor.closed();
  assert.deepEqual(seen, ["frontend-1", `frame ${laterFrame}`, "closed"]);
});

test("a frame before the hello is refused, and so is the hello of another cluster", (t) => {
  const { acceptor, seen } = accepted(t);
  assert.throws(() => acceptor.frame(laterFrame, nothing()), DecodeError);
  assert.throws(() => acceptor.frame(helloFrame, hello("d")), DecodeError);
  assert.deepEqual(seen, []);
});
