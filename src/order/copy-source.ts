/**
 * The side of a copy that is copied: hands out the state of its store as it is at one index, while it goes on. The rows
 * are read and encoded by the store, off the answer path; only items and sessions are encoded here. A part is made when
 * the copier asks for it, so a slow copier costs nothing but the view that the store holds for it.
 */
import { present, unreachable } from "../base/assert.ts";
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import type { LogIndex } from "../base/units.ts";
import { encodeState } from "../market/codec.ts";
import type { Frozen, Store } from "../store/port.ts";
import type { Connection } from "../wire/connection.ts";
import { type CopyAnswer, type CopyRequest, readCopyRequest, sendCopyAnswer } from "../wire/copy.ts";
import type { Acceptor } from "../wire/listener.ts";

export const copySourceLimits = {
  /** Copies under way from one replica; one more is refused. */
  copies: 2,
  /** About so many of the state's bytes in one frame; the market's definition is not cut. */
  partBytes: 1024 * 1024,
  /** About so many bytes of rows in one frame, but at least one row. */
  rangeBytes: 512 * 1024,
  /** A copier that asks for nothing for so long is hung up on: the store must not hold its view for ever. */
  idleMs: 30_000,
} as const;

export interface CopySourceOptions {
  readonly store: Pick<Store, "flush" | "flushed" | "freeze">;
  /** In tests: less than `copySourceLimits` says. */
  readonly partBytes?: number;
  readonly rangeBytes?: number;
}

/** One replica's copies to others. */
export class CopySource {
  readonly #options: Required<CopySourceOptions>;
  readonly #links = new Set<SourceLink>();

  constructor(options: CopySourceOptions) {
    const { partBytes, rangeBytes } = copySourceLimits;
    this.#options = { partBytes, rangeBytes, ...options };
  }

  /** Take over a connection whose hello came from a copier. */
  accept(connection: Connection): Acceptor {
    const admitted = this.#links.size < copySourceLimits.copies;
    const link = new SourceLink(connection, this.#options, admitted);
    if (admitted) {
      this.#links.add(link);
      void link.released.then(() => this.#links.delete(link));
    }
    return link;
  }

  /** End what is under way; resolves when the store is no longer in use. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#links, (link) => link.close()));
  }
}

/** One copier's connection, and the view of the store that it is copied from. */
class SourceLink implements Acceptor {
  readonly #connection: Connection;
  readonly #options: Required<CopySourceOptions>;
  readonly #admitted: boolean;
  readonly #released = Promise.withResolvers<void>();
  readonly #idle: NodeJS.Timeout;
  #phase: "new" | "copying" | "over" = "new";
  #answering = false;
  #closed = false;
  #frozen: Frozen | undefined;
  #parts: Generator<Uint8Array, void> | undefined;
  /** The part of the state that is to be sent next; all were sent if there is none. */
  #next: Uint8Array | undefined;

  constructor(connection: Connection, options: Required<CopySourceOptions>, admitted: boolean) {
    this.#connection = connection;
    this.#options = options;
    this.#admitted = admitted;
    const expire = (): void => connection.close(new Error("the copier asks for nothing"));
    this.#idle = setTimeout(expire, copySourceLimits.idleMs).unref();
  }

  /** Resolves when the connection is over and nothing of the store is held for it. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  close(): Promise<void> {
    this.#connection.close();
    return this.released;
  }

  frame(kind: number, body: ByteReader): void {
    const request = readCopyRequest(kind, body);
    if (this.#answering) throw new DecodeError("a copier asks before it is answered");
    if (!this.#inTurn(request)) throw new DecodeError(`a copier says ${request.kind} out of turn`);
    this.#answering = true;
    this.#answer(request).then(
      (answer) => this.#answered(answer),
      (error) => {
        if (!(error instanceof OperatingFailure)) throw error;
        this.#answered({ kind: "refused", code: error.code });
      },
    );
  }

  closed(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    // A view that is being read is released when the reading is over.
    if (!this.#answering) this.#release();
  }

  #inTurn(request: CopyRequest): boolean {
    if (request.kind === "begin") return this.#phase === "new";
    if (request.kind === "more") return this.#next !== undefined;
    return this.#phase === "copying" && this.#next === undefined;
  }

  async #answer(request: CopyRequest): Promise<CopyAnswer> {
    switch (request.kind) {
      case "begin":
        return this.#begin(request.atLeast);
      case "more":
        return this.#part();
      case "orders":
        return { kind: "rows", rows: await this.#view().orders(request.from, this.#options.rangeBytes) };
      case "answers":
        return { kind: "rows", rows: await this.#view().answers(request.after, this.#options.rangeBytes) };
      default:
        return unreachable(request);
    }
  }

  async #begin(atLeast: LogIndex): Promise<CopyAnswer> {
    const { store } = this.#options;
    const refused = { kind: "refused", code: "unavailable" } as const;
    if (!this.#admitted) return refused;
    // A copier that waits for an index asks again and again: so the cheap question comes first.
    await store.flush();
    if (store.flushed < atLeast) return refused;
    // The store itself refuses while it is empty, or copied into.
    this.#frozen = await store.freeze();
    this.#parts = encodeState(this.#frozen.state, this.#options.partBytes);
    this.#next = this.#parts.next().value ?? undefined;
    this.#phase = "copying";
    return this.#part();
  }

  #part(): CopyAnswer {
    const { index, term } = this.#view();
    const bytes = present(this.#next, "a part of the state");
    this.#next = this.#parts?.next().value ?? undefined;
    return { kind: "state", index, term, more: this.#next !== undefined, bytes };
  }

  #view(): Frozen {
    return present(this.#frozen, "the view of a copy under way");
  }

  #answered(answer: CopyAnswer): void {
    this.#answering = false;
    if (answer.kind === "refused") this.#phase = "over";
    if (this.#closed) {
      this.#release();
      return;
    }
    this.#idle.refresh();
    // One answer at a time is far below the bound of a connection's queue.
    if (!sendCopyAnswer(this.#connection, answer)) this.#connection.close();
  }

  #release(): void {
    this.#phase = "over";
    const closing = this.#frozen === undefined ? Promise.resolve() : this.#frozen.close();
    this.#frozen = undefined;
    this.#parts = undefined;
    this.#next = undefined;
    void closing.then(this.#released.resolve);
  }
}
