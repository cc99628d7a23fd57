/**
 * Reads on their way to replicas: asked of the leader or of any replica that is connected, asked again when the link
 * or the leadership they were asked under is gone (a read changes nothing), given up at their deadline. Like the
 * outbox it has no socket, timer or clock.
 */
import type { FailureCode } from "../base/failure.ts";
import { orderTimes } from "../base/limits.ts";
import type { Answered, Freshness, Inquiry, Question } from "../wire/service.ts";
import { inquiryLimits } from "./limits.ts";
import { TicketTable } from "./ticket-table.ts";

export type Found =
  | Extract<Answered, { kind: "rows" }>
  /** The deadline passed, or too many reads were under way. */
  | { readonly kind: "failed"; readonly code: FailureCode };

interface Asked extends Question {
  /** Whether only the leader may answer. */
  readonly leaderOnly: boolean;
  readonly deadlineMs: number;
  readonly answered: (found: Found) => void;
  link: number | undefined;
  /** When it was last sent. */
  sentMs: number;
  retryMs: number;
}

export class Inquiries {
  readonly #asked = new TicketTable<Asked>();
  #outgoing: Asked[] = [];
  #retries: Asked[] = [];
  #links: readonly number[] = [];
  #leader: number | undefined;
  #turn = 0;
  /** Links that let a question wait for too long: asked only if there are no others, until they answer something. */
  readonly #slow = new Set<number>();

  get size(): number {
    return this.#asked.size;
  }

  get wantsFlush(): boolean {
    return this.#outgoing.length > 0;
  }

  /** `answered` is called exactly once: with rows, or with a failure at the deadline. Never before this returns, but when full. */
  ask(
    nowMs: number,
    inquiry: Inquiry,
    freshness: Freshness,
    leaderOnly: boolean,
    answered: (found: Found) => void,
  ): void {
    if (this.#asked.size >= inquiryLimits.pending) {
      answered({ kind: "failed", code: "unavailable" });
      return;
    }
    const asked: Asked = {
      ticket: this.#asked.next,
      freshness,
      inquiry,
      leaderOnly,
      deadlineMs: nowMs + orderTimes.readDeadlineMs,
      answered,
      link: undefined,
      sentMs: 0,
      retryMs: 0,
    };
    this.#asked.add(asked.ticket, asked);
    this.#outgoing.push(asked);
  }

  /** Which links are open, and which of them leads. Questions whose addressee is gone or deposed are asked again. */
  linksChanged(links: readonly number[], leader: number | undefined): void {
    this.#links = links;
    this.#leader = leader;
    this.#outgoing = [];
    this.#retries = [];
    for (const link of this.#slow) if (!links.includes(link)) this.#slow.delete(link);
    for (const asked of this.#asked.values()) {
      if (
        asked.link !== undefined &&
        links.includes(asked.link) &&
        !(asked.leaderOnly && asked.link !== leader)
      )
        continue;
      asked.link = undefined;
      this.#outgoing.push(asked);
    }
  }

  /** One frame per link; what finds no link, or one that takes nothing now, waits for `retryMs`. */
  flush(nowMs: number, send: (link: number, questions: readonly Question[]) => boolean): void {
    const outgoing = this.#outgoing;
    if (outgoing.length === 0) return;
    this.#outgoing = [];
    const frames = new Map<number | undefined, Asked[]>();
    for (const asked of outgoing) {
      if (this.#asked.get(asked.ticket) !== asked) continue;
      const link = asked.leaderOnly ? this.#leader : this.#next();
      const frame = frames.get(link);
      if (frame === undefined) frames.set(link, [asked]);
      else frame.push(asked);
    }
    for (const [link, frame] of frames) {
      const taken = link !== undefined && send(link, frame);
      for (const asked of frame) {
        if (taken) {
          asked.link = link;
          asked.sentMs = nowMs;
        } else this.#retryLater(nowMs, asked);
      }
    }
  }

  /** The next link in turn that is not slow; if all are, the next. */
  #next(): number | undefined {
    const links = this.#links;
    for (let i = 0; i < links.length; i++) {
      const link = links[this.#turn++ % links.length] as number;
      if (!this.#slow.has(link)) return link;
    }
    return links[this.#turn++ % links.length];
  }

  answer(nowMs: number, link: number, answer: Answered): void {
    this.#slow.delete(link);
    const asked = this.#asked.get(answer.ticket);
    if (asked === undefined || asked.link !== link) return;
    if (answer.kind === "rows") {
      this.#asked.delete(asked.ticket);
      asked.answered(answer);
      return;
    }
    asked.link = undefined;
    this.#retryLater(nowMs, asked);
  }

  tick(nowMs: number): void {
    let due = 0;
    for (; due < this.#retries.length; due++) {
      const asked = this.#retries[due] as Asked;
      if (asked.retryMs > nowMs) break;
      if (this.#asked.get(asked.ticket) === asked) this.#outgoing.push(asked);
    }
    if (due > 0) this.#retries = this.#retries.slice(due);
    if (this.#asked.size === 0) return;
    const late: Asked[] = [];
    for (const asked of this.#asked.values()) {
      if (asked.deadlineMs <= nowMs) late.push(asked);
      else this.#askAnother(nowMs, asked);
    }
    // Whoever is told may ask anew, so nobody is told while the table is walked.
    for (const asked of late) {
      this.#asked.delete(asked.ticket);
      asked.answered({ kind: "failed", code: "unavailable" });
    }
  }

  /** A stopped replica must not keep a read waiting that another can answer. */
  #askAnother(nowMs: number, asked: Asked): void {
    if (asked.leaderOnly || asked.link === undefined || this.#links.length < 2) return;
    if (nowMs - asked.sentMs < inquiryLimits.patienceMs) return;
    this.#slow.add(asked.link);
    asked.link = undefined;
    this.#outgoing.push(asked);
  }

  #retryLater(nowMs: number, asked: Asked): void {
    asked.retryMs = nowMs + inquiryLimits.retryMs;
    this.#retries.push(asked);
  }
}
