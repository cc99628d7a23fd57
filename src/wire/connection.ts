/**
 * A framed TCP connection between two of our processes.
 *
 * A frame is its body's length (u32), its kind (u8) and its body. Frames that one callback sends leave in one write,
 * right after it. Who serves many sockets collects a turn of the event loop itself and then sends: a second wait here
 * would cost every hop a whole turn.
 *
 * A connection whose peer is known by name is subject to faults that are made on purpose (link-faults.ts). While there
 * are none they cost a look at one flag for each write and each read.
 */
import type { Socket } from "node:net";
import { assert } from "../base/assert.ts";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { wireLimits } from "../base/limits.ts";
import { type AilingLink, type LinkFault, linkFaults } from "./link-faults.ts";
import { FaultLane } from "./link-faults-lane.ts";

export interface ConnectionEvents {
  /** One frame's body. A throw of `DecodeError` closes the connection: the peer does not speak our language. */
  frame(kind: number, body: ByteReader): void;
  /** Once, when the connection is over, for whatever reason. */
  closed(error: Error | undefined): void;
}

const headerBytes = 5;
/** Up to here Node takes a copy out of its pool of buffers. */
const pooledBytes = 2_048;
/** Of what was received on an ailing connection so much is held; beyond it the socket is not read. */
const heldReceivedBytes = 8 * 1024 * 1024;

/** What ails a connection, done to each of its directions. */
interface Ailment extends AilingLink {
  readonly sending: FaultLane;
  readonly receiving: FaultLane;
}

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
  #closing = false;
  #closed = false;
  #peer: string | undefined;
  #ailment: Ailment | undefined;
  /** The socket is closed, and that news is held up by a cut. */
  #endHidden = false;

  /** `peer`: the name of the process at the other end, if it is known already. */
  constructor(socket: Socket, events: ConnectionEvents, peer?: string) {
    this.#socket = socket;
    this.#events = events;
    this.#peer = peer;
    socket.setNoDelay(true);
    // A machine that lost its power never says that the connection is over, and who only listens would wait for ever.
    socket.setKeepAlive(true, wireLimits.keepAliveMs);
    socket.on("data", (chunk: Buffer) => {
      const ailment = linkFaults.active ? this.#ailing() : undefined;
      if (ailment === undefined) this.#receive(chunk);
      else this.#receiveAiling(ailment, chunk);
    });
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("close", () => {
      if (this.#closing || !linkFaults.active || this.#ailing()?.receiving.isCut !== true) this.#end();
      else this.#hideEnd();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait for the peer to read them. */
  get queuedBytes(): number {
    const held = this.#ailment === undefined ? 0 : this.#ailment.sending.heldBytes;
    return this.#out.length + this.#socket.writableLength + held;
  }

  /** The name of the process at the other end has become known. */
  identify(peer: string): void {
    this.#peer = peer;
  }

  /**
   * Send one frame whose body `write` appends. False, and nothing was sent, if the connection is closed or its
   * queue is over its bound (`wireLimits.queuedBytes`): the peer does not read, and the caller must hold back.
   */
  send(kind: number, write: (body: ByteWriter) => void): boolean {
    if (this.#closed || this.#socket.destroyed || this.queuedBytes > wireLimits.queuedBytes) {
      // Nobody knows that the peer is gone: what is sent to it is lost.
      return this.#endHidden;
    }
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
    this.#closing = true;
    this.#error ??= error;
    if (this.#endHidden) queueMicrotask(() => this.#end());
    else this.#socket.destroy();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endHidden = false;
    if (this.#ailment !== undefined) {
      linkFaults.leave(this.#ailment);
      this.#ailment.sending.clear();
      this.#ailment.receiving.clear();
    }
    this.#events.closed(this.#error);
  }

  #flush(): void {
    this.#flushScheduled = false;
    const out = this.#out;
    const ailment = linkFaults.active ? this.#ailing() : undefined;
    if (this.#closed || this.#socket.destroyed) {
      out.reset();
    } else if (ailment !== undefined) {
      ailment.sending.push(Buffer.from(out.peek()));
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

  /** What ails this connection, while there are any rules. */
  #ailing(): Ailment | undefined {
    if (this.#ailment !== undefined || this.#peer === undefined) return this.#ailment;
    const fault = linkFaults.of(this.#peer);
    if (fault === undefined) return undefined;
    const socket = this.#socket;
    const send = (bytes: Buffer): void => {
      if (!socket.destroyed) socket.write(bytes);
    };
    const receive = (bytes: Buffer): void => {
      if (socket.destroyed) return;
      if (socket.isPaused() && receiving.heldBytes <= heldReceivedBytes) socket.resume();
      this.#receive(bytes);
    };
    const receiving = new FaultLane(fault.receiving, receive, linkFaults.random);
    const sending = new FaultLane(fault.sending, send, linkFaults.random);
    const heed = (changed: LinkFault | undefined): void => this.#heed(changed);
    this.#ailment = { peer: this.#peer, sending, receiving, heed };
    linkFaults.join(this.#ailment);
    return this.#ailment;
  }

  #heed(fault: LinkFault | undefined): void {
    const ailment = this.#ailment;
    if (ailment === undefined) return;
    if (fault === undefined) {
      linkFaults.leave(ailment);
      this.#ailment = undefined;
    }
    ailment.sending.heed(fault?.sending);
    ailment.receiving.heed(fault?.receiving);
    if (this.#endHidden && !ailment.receiving.isCut) this.#end();
  }

  #receiveAiling({ receiving }: Ailment, chunk: Buffer): void {
    receiving.push(chunk);
    if (receiving.heldBytes > heldReceivedBytes) this.#socket.pause();
  }

  /** News of the peer do not come through a cut: neither that it is gone nor, when they come at last, how it went. */
  #hideEnd(): void {
    this.#endHidden = true;
    this.#error = undefined;
  }
}
