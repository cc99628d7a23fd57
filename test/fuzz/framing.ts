/** The framing of the internal wire, given any bytes in any pieces: whole frames are handed on, nonsense closes it. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import fc from "fast-check";
import { DecodeError } from "../../src/base/bytes.ts";
import { Connection } from "../../src/wire/connection.ts";
import { type CaseTarget, timed } from "./case-target.ts";
import { bytesOf, history, requestFrames } from "./corpus.ts";
import { readFrame } from "./decoders.ts";
import { cuts, cutUp, mutated } from "./mutations.ts";

/** As much of a socket as a connection uses. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly writableLength = 0;

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  write(): boolean {
    return true;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.emit("close");
    return this;
  }
}

/** A frame as it travels, from its kind and body. */
export function framed(frame: Uint8Array): Uint8Array {
  return bytesOf((writer) => {
    writer.u32(Math.max(0, frame.length - 1));
    writer.raw(frame.length === 0 ? Uint8Array.of(0) : frame);
  });
}

function receive(bytes: Uint8Array, at: readonly number[]): boolean {
  const socket = new FakeSocket();
  let handed = 0;
  let closedBy: Error | undefined;
  const connection = new Connection(socket as unknown as Socket, {
    frame: (kind, body) => {
      handed += 5 + body.remaining;
      readFrame(kind, body);
    },
    closed: (error) => {
      closedBy = error;
    },
  });
  for (const piece of cutUp(bytes, at)) if (!socket.destroyed) socket.emit("data", Buffer.from(piece));
  assert.equal(connection.closed, socket.destroyed);
  assert.ok(handed <= bytes.length, "no byte is handed on twice");
  if (closedBy !== undefined) assert.ok(closedBy instanceof DecodeError, String(closedBy));
  return !connection.closed;
}

export function framingTarget(): CaseTarget {
  const past = history();
  const streams = requestFrames(past).map(framed);
  const joined = [...streams, Buffer.concat(streams)];
  return {
    name: "wire/framing",
    unit: "frames",
    count: 80_000,
    property: (took) =>
      fc.property(mutated(joined), cuts, (bytes, at) =>
        timed(() => {
          if (receive(bytes, at)) took();
        }),
      ) as fc.IRawProperty<unknown>,
  };
}
