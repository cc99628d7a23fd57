/** One front-end's connection, as a replica sees it: the results of a run of entries leave in one frame. */
import { AnswerFrames, framed, sendOrCutOff } from "../answering/answer-frames.ts";
import type { FailureCode } from "../base/failure.ts";
import type { Connection } from "../wire/connection.ts";
import {
  type Answered,
  type LeadershipNotice,
  type Result,
  serviceFrames,
  writeLeadership,
  writeResults,
} from "../wire/service.ts";

export class FrontendLink {
  readonly name: string;
  readonly #connection: Connection;
  readonly #answers: AnswerFrames;
  #results: Result[] = [];

  constructor(name: string, connection: Connection) {
    this.name = name;
    this.#connection = connection;
    this.#answers = new AnswerFrames(connection);
  }

  reply(ticket: number, reply: Uint8Array): void {
    this.#add({ kind: "reply", ticket, reply });
  }

  fail(ticket: number, code: FailureCode): void {
    this.#add({ kind: "failed", ticket, code });
  }

  answer(answered: Answered): void {
    this.#answers.answer(answered);
  }

  announce(notice: LeadershipNotice): void {
    this.send(serviceFrames.leadership, (body) => writeLeadership(body, notice));
  }

  /** A frame at once. A front-end that does not read is cut off. */
  send(kind: number, write: Parameters<Connection["send"]>[1]): void {
    sendOrCutOff(this.#connection, kind, write);
  }

  #add(result: Result): void {
    if (this.#results.push(result) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const results = this.#results;
    this.#results = [];
    for (const run of framed(results, (result) => (result.kind === "reply" ? result.reply.length : 0))) {
      this.send(serviceFrames.results, (body) => writeResults(body, run));
    }
  }
}
