/**
 * One catalog's connection, as a replica sees it. All items may be many megabytes, so they leave in parts, at the
 * catalog's pace and without holding up a turn of the event loop; changes that come meanwhile wait behind them.
 */
import { encodeRows } from "../answering/pages.ts";
import { ByteReader } from "../base/bytes.ts";
import type { LogIndex, Position } from "../base/units.ts";
import { writeItem } from "../market/codec.ts";
import type { ItemRow } from "../market/rows.ts";
import type { Connection } from "../wire/connection.ts";
import { writeFeedItems } from "../wire/feed.ts";
import { serviceFrames } from "../wire/service.ts";

const limits = {
  /** Of rows in one part. */
  partBytes: 1024 * 1024,
  /** No further part while so much waits for the catalog to read it. */
  unreadBytes: 4 * 1024 * 1024,
  /** Changes that wait for the last part; beyond it the catalog is cut off. */
  waitingBytes: 32 * 1024 * 1024,
  /** How often it is looked at whether the catalog has read enough for the next part. */
  lookAgainMs: 10,
} as const;

/** All items at one state. The rows are immutable, so they may be sent later than they were taken. */
export interface WholeState {
  readonly index: LogIndex;
  readonly position: Position;
  readonly rows: readonly ItemRow[];
}

export class CatalogLink {
  readonly #connection: Pick<Connection, "send" | "close" | "closed" | "queuedBytes">;
  /** While there are parts to send: what is not sent yet, and the changes behind it. */
  #rest: WholeState | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: Pick<Connection, "send" | "close" | "closed" | "queuedBytes">) {
    this.#connection = connection;
  }

  /** Send this state; the changes that follow are those behind it. Once. */
  begin(state: WholeState): void {
    this.#rest = state;
    this.#sendParts();
  }

  /** Send a change, or keep a copy until all items are sent. */
  change(body: Uint8Array): void {
    if (this.#rest === undefined) {
      this.#sendChange(body);
      return;
    }
    this.#waiting.push(body.slice());
    this.#waitingBytes += body.length;
    if (this.#waitingBytes > limits.waitingBytes) this.cutOff("the catalog does not read its items");
  }

  /** It dials again and begins anew. */
  cutOff(reason: string): void {
    this.closed();
    this.#connection.close(new Error(reason));
  }

  /** The connection is over. */
  closed(): void {
    clearTimeout(this.#timer);
    this.#rest = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #sendParts(): void {
    const state = this.#rest;
    if (state === undefined) return;
    const full = this.#connection.queuedBytes > limits.unreadBytes;
    const last = !full && this.#sendPart(state);
    if (!last) this.#timer = setTimeout(() => this.#sendParts(), full ? limits.lookAgainMs : 0);
    else this.#sendWaiting();
  }

  /** Returns whether it was the last. */
  #sendPart(state: WholeState): boolean {
    const { index, position } = state;
    const { rows, more } = encodeRows(state.rows, writeItem, limits.partBytes);
    const count = new ByteReader(rows).varint();
    this.#rest = more ? { index, position, rows: state.rows.slice(count) } : undefined;
    const part = { index, position, last: !more, rows };
    this.#send(serviceFrames.feedItems, (body) => writeFeedItems(body, part));
    return !more;
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const body of waiting) this.#sendChange(body);
  }

  #sendChange(body: Uint8Array): void {
    this.#send(serviceFrames.change, (frame) => frame.raw(body));
  }

  #send(kind: number, write: Parameters<Connection["send"]>[1]): void {
    if (this.#connection.closed || this.#connection.send(kind, write)) return;
    this.cutOff("the catalog does not read what it follows");
  }
}
