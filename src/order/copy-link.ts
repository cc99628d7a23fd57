/** A copier's connection to one source: a question, its answer, the next question. */
import { connect } from "node:net";
import { assert } from "../base/assert.ts";
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import { Connection } from "../wire/connection.ts";
import { type CopyAnswer, type CopyRequest, readCopyAnswer, sendCopyRequest } from "../wire/copy.ts";
import { type Hello, helloFrame, writeHello } from "../wire/hello.ts";
import type { ServiceAddress } from "../wire/process.ts";

/** A source that has not answered in this time, connecting included, is left for the next one. */
const answerWithinMs = 5_000;

/**
 * No more can be had from this source at the moment. *Damaged*: what it gave is not what it should be, which an
 * operator must hear of; otherwise it is gone, silent, or refuses, and another time it may serve.
 */
export class SourceFailed extends Error {
  override readonly name = "SourceFailed";
  readonly damaged: boolean;

  constructor(message: string, damaged: boolean) {
    super(message);
    this.damaged = damaged;
  }
}

type Answer<Kind extends CopyAnswer["kind"]> = Extract<CopyAnswer, { kind: Kind }>;

export class CopyLink {
  readonly #connection: Connection;
  readonly #signal: AbortSignal;
  readonly #abort = (): void => this.close();
  #asked: PromiseWithResolvers<CopyAnswer> | undefined;

  /** Dials, and says hello. An aborted `signal` closes it. */
  constructor(source: ServiceAddress, hello: Hello, signal: AbortSignal) {
    const frame = (kind: number, body: ByteReader): void => this.#received(kind, body);
    const closed = (error: Error | undefined): void => this.#lost(error);
    const socket = connect({ host: source.host, port: source.port });
    this.#connection = new Connection(socket, { frame, closed }, source.name);
    this.#connection.send(helloFrame, (body) => writeHello(body, hello));
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort);
  }

  /** Rejects with `SourceFailed` unless the answer is of this kind, in time. */
  async ask<Kind extends "state" | "rows">(request: CopyRequest, kind: Kind): Promise<Answer<Kind>> {
    assert(this.#asked === undefined, "one question at a time");
    if (!sendCopyRequest(this.#connection, request)) throw new SourceFailed("is gone", false);
    const asked = Promise.withResolvers<CopyAnswer>();
    this.#asked = asked;
    const timer = setTimeout(() => asked.reject(new SourceFailed("does not answer", false)), answerWithinMs);
    try {
      const answer = await asked.promise;
      if (answer.kind === "refused") throw new SourceFailed(`refuses: ${answer.code}`, false);
      if (answer.kind !== kind) throw new SourceFailed(`sent ${answer.kind}, not ${kind}`, true);
      return answer as Answer<Kind>;
    } finally {
      clearTimeout(timer);
      this.#asked = undefined;
    }
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#connection.close();
  }

  #received(kind: number, body: ByteReader): void {
    if (this.#asked === undefined) throw new DecodeError("an answer to no question");
    this.#asked.resolve(readCopyAnswer(kind, body));
  }

  #lost(error: Error | undefined): void {
    const damaged = error instanceof DecodeError;
    this.#asked?.reject(new SourceFailed(error === undefined ? "is gone" : error.message, damaged));
  }
}
