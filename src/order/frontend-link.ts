/** One front-end's connection, as a replica sees it: results and answers collect and leave in one frame a turn. */
import { setImmediate } from "node:timers";
import type { FailureCode } from "../base/failure.ts";
import type { Connection } from "../wire/connection.ts";
import {
  type Answered,
  type LeadershipNotice,
  type Result,
  serviceFrames,
  writeAnswers,
  writeLeadership,
  writeResults,
} from "../wire/service.ts";

/** Frames are closed at this many results or answers. */
const perFrame = 4_096;

export class FrontendLink {
  readonly name: string;
  readonly #connection: Connection;
  #results: Result[] = [];
  #answers: Answered[] = [];
  #scheduled = false;

  constructor(name: string, connection: Connection) {
    this.name = name;
    this.#connection = connection;
  }

  reply(ticket: number, reply: Uint8Array): void {
    this.#results.push({ kind: "reply", ticket, reply });
    this.#schedule();
  }

  fail(ticket: number, code: FailureCode): void {
    this.#results.push({ kind: "failed", ticket, code });
    this.#schedule();
  }

  answer(answered: Answered): void {
    this.#answers.push(answered);
    this.#schedule();
  }

  announce(notice: LeadershipNotice): void {
    this.#send(serviceFrames.leadership, (body) => writeLeadership(body, notice));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const results = this.#results;
    const answers = this.#answers;
    this.#results = [];
    this.#answers = [];
    for (let i = 0; i < results.length; i += perFrame) {
      this.#send(serviceFrames.results, (body) => writeResults(body, results.slice(i, i + perFrame)));
    }
    for (let i = 0; i < answers.length; i += perFrame) {
      this.#send(serviceFrames.answers, (body) => writeAnswers(body, answers.slice(i, i + perFrame)));
    }
  }

  #send(kind: number, write: Parameters<Connection["send"]>[1]): void {
    if (this.#connection.closed || this.#connection.send(kind, write)) return;
    // It does not read what it asked for. Cut off, it dials again and asks again for what it still wants.
    this.#connection.close(new Error("the front-end does not read its answers"));
  }
}
