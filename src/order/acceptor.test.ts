import assert from "node:assert/strict";
import { once } from "node:events";
import { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { Connection } from "../wire/connection.ts";
import { helloFrame, writeHello } from "../wire/hello.ts";
import type { Acceptor } from "../wire/listener.ts";
import { acceptorFor } from "./acceptor.ts";
import type { Replica } from "./replica.ts";

const longMs = 60_000;

/** An accepted connection, and the acceptor that decides over it; the clock stands still until it is moved. */
function accepted(t: TestContext): { readonly socket: Socket; readonly acceptor: Acceptor } {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const socket = new Socket();
  t.after(() => socket.destroy());
  const connection = new Connection(socket, { frame: () => {}, closed: () => {} });
  const peer: Acceptor = { frame: () => {}, closed: () => {} };
  // Only front-ends reach the replica.
  return { socket, acceptor: acceptorFor(connection, "c", () => peer, {} as Replica) };
}

test("a connection on which no hello comes in time is closed", async (t) => {
  const { socket } = accepted(t);
  t.mock.timers.tick(4_999);
  assert.equal(socket.destroyed, false);
  const closed = once(socket, "close");
  t.mock.timers.tick(1);
  await closed;
});

test("a connection that was greeted stays for as long as it is silent", (t) => {
  const { socket, acceptor } = accepted(t);
  const body = new ByteWriter(64);
  writeHello(body, { cluster: "c", role: "order", name: "order-2", id: 2, incarnation: 1 });
  acceptor.frame(helloFrame, new ByteReader(body.finish()));
  t.mock.timers.tick(longMs);
  assert.equal(socket.destroyed, false);
});
