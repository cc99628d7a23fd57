import assert from "node:assert/strict";
import { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { Connection } from "../wire/connection.ts";
import { type Hello, helloFrame, writeHello } from "../wire/hello.ts";
import { serviceFrames } from "../wire/service.ts";
import { type Accept, acceptorFor } from "./acceptor.ts";
import type { Replica } from "./replica.ts";

const cluster = "c";

/** A replica, as far as an acceptor calls it, which writes down the calls. */
function replicaWithCalls() {
  const calls: string[] = [];
  const note = (name: string) => (): void => {
    calls.push(name);
  };
  const replica = {
    join: note("join"),
    leave: note("leave"),
    submit: note("submit"),
    ask: note("ask"),
    leases: { request: note("request"), acknowledge: note("acknowledge"), end: note("end") },
    feed: { follow: note("follow"), leave: note("stop following") },
  } as unknown as Replica;
  return { replica, calls };
}

/** A connection that said hello in this role, and what its frames, each given by its body's numbers, lead to. */
function greeted(t: TestContext, role: Hello["role"]) {
  const { replica, calls } = replicaWithCalls();
  const accept =
    (name: string): Accept =>
    (hello) => {
      calls.push(`${name} ${hello.name}`);
      return { frame: (kind) => calls.push(`${name} ${kind}`), closed: () => calls.push(`${name} left`) };
    };
  const socket = new Socket();
  t.after(() => socket.destroy());
  const connection = new Connection(socket, { frame: () => {}, closed: () => {} });
  const acceptor = acceptorFor(connection, {
    cluster,
    replica,
    acceptPeer: accept("peer"),
    acceptCopier: accept("copier"),
  });
  t.after(() => acceptor.closed());
  const body = new ByteWriter(64);
  writeHello(body, { cluster, role, name: "x", id: 2, incarnation: 1 });
  acceptor.frame(helloFrame, new ByteReader(body.finish()));
  const frame = (kind: number, ...bytes: number[]): void =>
    acceptor.frame(kind, new ByteReader(new Uint8Array(bytes)));
  return { calls, frame, acceptor };
}

test("replicas of the log and copiers are handed on with their frames", (t) => {
  for (const role of ["order", "copier"] as const) {
    const { calls, frame, acceptor } = greeted(t, role);
    const name = role === "order" ? "peer" : role;
    frame(33);
    acceptor.closed();
    assert.deepEqual(calls, [`${name} x`, `${name} 33`, `${name} left`]);
  }
});

test("a front-end submits, asks and speaks of its lease, and nothing else", (t) => {
  const { calls, frame, acceptor } = greeted(t, "frontend");
  frame(serviceFrames.submit);
  frame(serviceFrames.ask);
  frame(serviceFrames.leaseRequest, 1, 0);
  frame(serviceFrames.acknowledgement, 1, 7);
  frame(serviceFrames.leaseEnd, 1);
  assert.throws(() => frame(serviceFrames.follow), DecodeError);
  assert.throws(() => frame(serviceFrames.leaseRequest), DecodeError);
  acceptor.closed();
  assert.deepEqual(calls, ["join", "submit", "ask", "request", "acknowledge", "end", "leave"]);
});

test("a catalog follows, once, and nothing else", (t) => {
  const { calls, frame, acceptor } = greeted(t, "catalog");
  assert.throws(() => frame(serviceFrames.ask), DecodeError);
  frame(serviceFrames.follow);
  assert.throws(() => frame(serviceFrames.follow), DecodeError);
  acceptor.closed();
  assert.deepEqual(calls, ["follow", "stop following"]);
});
