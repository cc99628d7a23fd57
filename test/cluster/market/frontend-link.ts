/**
 * One front-end's connection, as an order replica sees it: what `src/order/frontend-link.ts` and
 * `src/answering/answer-frames.ts` do. Results and answers of one turn leave in one frame at its end.
 */
import type { ByteWriter } from "../../../src/base/bytes.ts";
import type { FailureCode } from "../../../src/base/failure.ts";
import {
  type Answered,
  type Result,
  serviceFrames,
  writeAnswers,
  writeResults,
} from "../../../src/wire/service.ts";
import type { End } from "./connection.ts";

export class AskerLink {
  readonly name: string;
  readonly #end: End;
  readonly #atTurnsEnd: (flush: () => void) => void;
  #results: Result[] = [];
  #answers: Answered[] = [];

  constructor(name: string, end: End, atTurnsEnd: (flush: () => void) => void) {
    this.name = name;
    this.#end = end;
    this.#atTurnsEnd = atTurnsEnd;
  }

  reply(ticket: number, reply: Uint8Array): void {
    this.#result({ kind: "reply", ticket, reply });
  }

  fail(ticket: number, code: FailureCode): void {
    this.#result({ kind: "failed", ticket, code });
  }

  readonly answer = (answered: Answered): void => {
    if (this.#answers.push(answered) > 1) return;
    this.#atTurnsEnd(() => {
      const answers = this.#answers;
      this.#answers = [];
      this.send(serviceFrames.answers, (body) => writeAnswers(body, answers));
    });
  };

  send(kind: number, write: (body: ByteWriter) => void): void {
    this.#end.send(kind, write);
  }

  #result(result: Result): void {
    if (this.#results.push(result) > 1) return;
    this.#atTurnsEnd(() => {
      const results = this.#results;
      this.#results = [];
      this.send(serviceFrames.results, (body) => writeResults(body, results));
    });
  }
}
