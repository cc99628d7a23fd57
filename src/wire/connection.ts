/**
 * A framed TCP connection between two of our processes.
 *
 * A frame is its body's length (u32), its kind (u8) and its body. Frames that one callback sends leave in one write,
 * right after it. Who serves many sockets collects a turn of the event loop itself and then sends: a second wait here
 * would cost every hop a whole turn.
 */
import type { Socket } from "node:net";
import { assert } from "../base/assert.ts";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { wireLimits } from "../base/limits.ts";

export interface ConnectionEvents {
  /** One frame's body. A throw of `DecodeError` closes the connection: the peer does not speak our language. */
  frame(kind: number, body: ByteReader): void;
  /** Once, when the connection is over, for whatever reason. */
  closed(error: Error | undefined): void;
}

const headerBytes = 5;
/** Up to here Node takes a copy out of its pool of buffers. */
const pooledBytes = 2_048;

export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #out = new ByteWriter(16 * 1024);
  #flushScheduled = false;
  /** Chunks of a frame that is not whole yet, and how many bytes make it whole. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #wanted = 0;
  #error: Error | undefined;
  #closed = false;

  constructor(socket: Socket, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.setNoDelay(true);
    // A machine that lost its power never says that the connection is over, and who only listens would wait for ever.
    socket.setKeepAlive(true, wireLimits.keepAliveMs);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#events.closed(this.#error);
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait for the peer to read them. */
  get queuedBytes(): number {
    return this.#out.length + this.#socket.writableLength;
  }

  /**
   * Send one frame whose body `write` appends. False, and nothing was sent, if the connection is closed or its
   * queue is over its bound (`wireLimits.queuedBytes`): the peer does not read, and the caller must hold back.
   */
  send(kind: number, write: (body: ByteWriter) => void): boolean {
    if (this.#closed || this.#socket.destroyed || this.queuedBytes > wireLimits.queuedBytes) return false;
    const out = this.#out;
    const start = out.length;
    out.u32(0);
    out.u8(kind);
    write(out);
    const length = out.length - start - headerBytes;
    assert(length <= wireLimits.frameBytes, () => `a frame of ${length} bytes, which no peer would take`);
    out.patchU32(start, length);
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  close(error?: Error): void {
    if (this.#closed) return;
    this.#error ??= error;
    this.#socket.destroy();
  }

  #flush(): void {
    this.#flushScheduled = false;
    const out = this.#out;
    if (this.#closed || this.#socket.destroyed) {
      out.reset();
    } else if (out.length <= pooledBytes) {
      // A new writer's buffer for every turn costs more than a copy of the few bytes that most turns send.
      this.#socket.write(Buffer.from(out.peek()));
      out.reset();
    } else {
      this.#socket.write(out.finish());
    }
  }

  #receive(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#partial.length > 0) {
      this.#partial.push(chunk);
      this.#partialBytes += chunk.length;
      // Joined once, when the frame is whole: joining at every chunk would cost the square of its length.
      if (this.#partialBytes < this.#wanted) return;
      bytes = Buffer.concat(this.#partial, this.#partialBytes);
    }
    try {
      const at = this.#dispatch(bytes);
      if (this.#socket.destroyed) return;
      this.#partial = at === bytes.length ? [] : [bytes.subarray(at)];
      this.#partialBytes = bytes.length - at;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.close(error);
    }
  }

  /** Hand on every whole frame; returns where the first one that is not whole begins. */
  #dispatch(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const length = bytes.readUInt32LE(at);
      if (length > wireLimits.frameBytes) throw new DecodeError(`a frame of ${length} bytes`);
      const start = at + headerBytes;
      if (bytes.length < start + length) {
        this.#wanted = headerBytes + length;
        return at;
      }
      at = start + length;
      this.#events.frame(bytes[start - 1] as number, new ByteReader(bytes, start, at));
      if (this.#socket.destroyed) return at;
    }
    this.#wanted = headerBytes;
    return at;
  }
}
