/**
 * Keeps one connection to one address open: dials, and dials again after a loss, with a short back-off. The other
 * side of a lost connection is told apart: *refused* means that no process listens there any more, which on one
 * machine is how a killed peer shows within milliseconds; silence shows only by time.
 */
import { connect } from "node:net";
import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { Connection } from "./connection.ts";
import { linkFaults } from "./link-faults.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where a process listens. A dial to one that is named is subject to faults made on purpose (link-faults.ts). */
export interface DialedAddress extends Address {
  readonly name?: string;
}

export interface DialerEvents {
  /** Connected; what is sent from inside this call leaves first. */
  connected(connection: Connection): void;
  frame(kind: number, body: ByteReader): void;
  /** An established connection ended. */
  lost(): void;
  /** A dial was answered by a refusal: nobody listens there. */
  refused(): void;
}

const backoffFirstMs = 10;
const backoffMaxMs = 200;
/** A peer that neither accepts nor refuses (paused, cut off) is dialled again after this. */
const dialTimeoutMs = 1_000;

export class Dialer {
  readonly #address: DialedAddress;
  readonly #events: DialerEvents;
  #connection: Connection | undefined;
  #established = false;
  #backoffMs = backoffFirstMs;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(address: DialedAddress, events: DialerEvents) {
    this.#address = address;
    this.#events = events;
    this.#dial();
  }

  get connected(): boolean {
    return this.#established;
  }

  /** False, and nothing was sent, if there is no connection or its queue is full. */
  send(kind: number, write: (body: ByteWriter) => void): boolean {
    return this.#established && this.#connection?.send(kind, write) === true;
  }

  /** End this connection and dial anew: its peer answers nothing, or answered nonsense. */
  reset(): void {
    this.#connection?.close();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
  }

  #dial(): void {
    const { host, port, name } = this.#address;
    if (name !== undefined && linkFaults.hangs(name)) {
      this.#timer = setTimeout(() => this.#ended(undefined), dialTimeoutMs);
      return;
    }
    const socket = connect({ host, port });
    const timeout = setTimeout(() => connection.close(), dialTimeoutMs);
    const frame = (kind: number, body: ByteReader): void => this.#events.frame(kind, body);
    const closed = (error: Error | undefined): void => {
      clearTimeout(timeout);
      this.#ended(error);
    };
    const connection = new Connection(socket, { frame, closed }, name);
    this.#connection = connection;
    socket.once("connect", () => {
      clearTimeout(timeout);
      this.#established = true;
      this.#backoffMs = backoffFirstMs;
      this.#events.connected(connection);
    });
  }

  #ended(error: Error | undefined): void {
    const wasEstablished = this.#established;
    this.#established = false;
    this.#connection = undefined;
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#dial(), this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, backoffMaxMs);
    if (wasEstablished) this.#events.lost();
    else if (error !== undefined && "code" in error && error.code === "ECONNREFUSED") this.#events.refused();
  }
}
