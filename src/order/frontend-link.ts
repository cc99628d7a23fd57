/** One front-end's connection, as a replica sees it: the results of a run of entries leave in one frame. */
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

/** A frame is closed at this size: a whole turn's answers may be larger than any frame may be. */
const frameBytes = 1024 * 1024;
/** What a result or an answer takes besides its bytes, at the most. */
const overheadBytes = 32;

/** Cut a list into runs that fit a frame each; one that is larger alone stands alone. */
function* framed<T>(list: readonly T[], sizeOf: (item: T) => number): Generator<readonly T[]> {
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < list.length; i++) {
    bytes += sizeOf(list[i] as T) + overheadBytes;
    if (bytes <= frameBytes || i === start) continue;
    yield list.slice(start, i);
    start = i;
    bytes = sizeOf(list[i] as T) + overheadBytes;
  }
  if (start < list.length) yield start === 0 ? list : list.slice(start);
}

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
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const results = this.#results;
    const answers = this.#answers;
    this.#results = [];
    this.#answers = [];
    for (const run of framed(results, (result) => (result.kind === "reply" ? result.reply.length : 0))) {
      this.#send(serviceFrames.results, (body) => writeResults(body, run));
    }
    for (const run of framed(answers, (answer) => (answer.kind === "rows" ? answer.rows.length : 0))) {
      this.#send(serviceFrames.answers, (body) => writeAnswers(body, run));
    }
  }

  #send(kind: number, write: Parameters<Connection["send"]>[1]): void {
    if (this.#connection.closed || this.#connection.send(kind, write)) return;
    // It does not read what it asked for. Cut off, it dials again and asks again for what it still wants.
    this.#connection.close(new Error("the front-end does not read its answers"));
  }
}
