/**
 * How far somebody has come in the market's history, who waits for him to come further, and answers to questions that
 * wait: what `src/answering/position-waiters.ts`, `src/answering/questions.ts` and `src/order/applied.ts` do, without
 * promises, which would resolve in no virtual time.
 */
import type { Page } from "../../../src/answering/pages.ts";
import type { FailureCode } from "../../../src/base/failure.ts";
import { orderTimes } from "../../../src/base/limits.ts";
import type { Position } from "../../../src/base/units.ts";
import type { Answered, Inquiry, Question } from "../../../src/wire/service.ts";

interface Waiter {
  readonly until: number;
  readonly deadlineMs: number;
  readonly go: () => void;
  readonly fail: (code: FailureCode) => void;
}

/** Those who wait for a number to be reached. */
export class Waiters {
  #reached: number;
  #waiters: Waiter[] = [];

  constructor(reached: number) {
    this.#reached = reached;
  }

  get size(): number {
    return this.#waiters.length;
  }

  when(until: number, deadlineMs: number, go: () => void, fail: (code: FailureCode) => void): void {
    if (until <= this.#reached) go();
    else this.#waiters.push({ until, deadlineMs, go, fail });
  }

  advance(reached: number): void {
    this.#reached = reached;
    const due = this.#waiters.filter(({ until }) => until <= reached);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter(({ until }) => until > reached);
    for (const { go } of due) go();
  }

  expire(nowMs: number): void {
    const due = this.#waiters.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const { fail } of due) fail("unavailable");
  }
}

export interface AnsweringHost {
  /** Of the state that is answered from. */
  position(): Position;
  now(): number;
  readonly waiters: Waiters;
  readPoint(go: () => void, fail: (code: FailureCode) => void): void;
  find(inquiry: Inquiry): Page;
  /** Broken on purpose: answers at once, from wherever it is. */
  readonly answersBelow: boolean;
}

/** One frame of questions. Those that want the latest state share one read point. */
export function answerEach(
  host: AnsweringHost,
  tell: (answered: Answered) => void,
  questions: readonly Question[],
): void {
  const answer = ({ ticket, inquiry }: Question): void => {
    const position = host.position();
    // The market's first command founds it.
    if (position === 0) return tell({ kind: "failed", ticket, code: "unavailable" });
    const { rows, more } = host.find(inquiry);
    tell({ kind: "rows", ticket, position, more, rows });
  };
  const refuse =
    (refused: readonly Question[]) =>
    (code: FailureCode): void => {
      for (const { ticket } of refused) tell({ kind: "failed", ticket, code });
    };
  const latest: Question[] = [];
  for (const question of questions) {
    const { freshness } = question;
    if (freshness.kind === "stale" || host.answersBelow) answer(question);
    else if (freshness.kind === "latest") latest.push(question);
    else {
      const deadlineMs = host.now() + orderTimes.readDeadlineMs;
      host.waiters.when(freshness.position, deadlineMs, () => answer(question), refuse([question]));
    }
  }
  if (latest.length === 0) return;
  host.readPoint(() => {
    for (const question of latest) answer(question);
  }, refuse(latest));
}
