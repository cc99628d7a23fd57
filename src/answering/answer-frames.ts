/** What is answered in one turn of the event loop leaves in one frame, or in as many as it takes. */
import type { Connection } from "../wire/connection.ts";
import { type Answered, serviceFrames, writeAnswers } from "../wire/service.ts";
import type { Asker } from "./questions.ts";

/** A frame is closed at this size: a whole turn's answers may be larger than any frame may be. */
const frameBytes = 1024 * 1024;
/** What one thing in a frame takes besides its bytes, at the most. */
const overheadBytes = 32;

/** Cut a list into runs that fit a frame each; one that is larger alone stands alone. */
export function* framed<T>(list: readonly T[], sizeOf: (item: T) => number): Generator<readonly T[]> {
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < list.length; i++) {
    const size = sizeOf(list[i] as T) + overheadBytes;
    bytes += size;
    if (bytes <= frameBytes || i === start) continue;
    yield list.slice(start, i);
    start = i;
    bytes = size;
  }
  if (start < list.length) yield start === 0 ? list : list.slice(start);
}

/**
 * Send a frame to one who asked for what is in it. One who does not read is cut off: it dials again, and asks again
 * for what it still wants.
 */
export function sendOrCutOff(
  connection: Connection,
  kind: number,
  write: Parameters<Connection["send"]>[1],
): void {
  if (connection.closed || connection.send(kind, write)) return;
  connection.close(new Error("the peer does not read its answers"));
}

/** One connection's answers. */
export class AnswerFrames implements Asker {
  readonly #connection: Connection;
  #answers: Answered[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  answer(answered: Answered): void {
    // At the end of this turn, not before: a frame of questions is mostly answered in one.
    if (this.#answers.push(answered) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const run of framed(answers, (answer) => (answer.kind === "rows" ? answer.rows.length : 0))) {
      sendOrCutOff(this.#connection, serviceFrames.answers, (body) => writeAnswers(body, run));
    }
  }
}
