/**
 * Reads on their way to replicas: asked of the leader or of any replica that is connected, asked again when the link
 * or the leadership they were asked under is gone (a read changes nothing), given up at their deadline. Like the
 * outbox it has no socket, timer or clock.
 *
 * A turn of the clock costs what is due in it, however many reads wait: for their deadline, for a replica that could
 * not answer to be asked again, or for a leader, of which `linksChanged` tells.
 */
import type { FailureCode } from "../base/failure.ts";
import type { Answered, Freshness, Inquiry, Question } from "../wire/service.ts";
import { type Due, DueWheel, notDue } from "./due-wheel.ts";
import { inquiryLimits } from "./limits.ts";
import { TicketTable } from "./ticket-table.ts";

export type Found =
  | Extract<Answered, { kind: "rows" }>
  /** The deadline passed, or too many reads were under way. */
  | { readonly kind: "failed"; readonly code: FailureCode };

interface Asked extends Question, Due<Asked> {
  /** Whether only the leader may answer. */
  readonly leaderOnly: boolean;
  readonly deadlineMs: number;
  readonly answered: (found: Found) => void;
  /** Whose answer is awaited; undefined: it is to be sent, or waits for somebody to send it to. */
  link: number | undefined;
  /** Whether a replica that is silent for `patienceMs` is still to be called slow. */
  patient: boolean;
}

/** Hands questions to a link as one frame; false, and nothing was handed over, if the link takes none now. */
export type SendQuestions = (link: number, questions: readonly Question[]) => boolean;

/** Whether two replicas may do the work for one answer. */
function isCheap({ kind }: Inquiry): boolean {
  return kind === "item" || kind === "order";
}

export class Inquiries {
  readonly #asked = new TicketTable<Asked>();
  /** Every question is in it, with the time when something is to be done about it: its deadline at the latest. */
  readonly #wheel = new DueWheel<Asked>();
  #outgoing: Asked[] = [];
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
    inquiry: Inquiry,
    freshness: Freshness,
    leaderOnly: boolean,
    deadlineMs: number,
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
      deadlineMs,
      answered,
      link: undefined,
      // Who waits for a position may have to wait, and the leader has no substitute.
      patient: freshness.kind === "stale" && !leaderOnly,
      ...notDue,
    };
    this.#asked.add(asked.ticket, asked);
    this.#wheel.set(asked, deadlineMs);
    this.#outgoing.push(asked);
  }

  /** Which links are open, and which of them leads. Questions whose addressee is gone or deposed are asked again. */
  linksChanged(links: readonly number[], leader: number | undefined): void {
    this.#links = links;
    this.#leader = leader;
    this.#outgoing = [];
    for (const link of this.#slow) if (!links.includes(link)) this.#slow.delete(link);
    for (const asked of this.#asked.values()) {
      const { link, leaderOnly } = asked;
      if (link !== undefined && links.includes(link) && !(leaderOnly && link !== leader)) continue;
      this.#sendAgain(asked);
    }
  }

  /** One frame per link, or several if they are many. What finds no link waits until `linksChanged` brings one. */
  flush(nowMs: number, send: SendQuestions): void {
    const outgoing = this.#outgoing;
    if (outgoing.length === 0) return;
    this.#outgoing = [];
    const frames = new Map<number, Asked[]>();
    for (const asked of outgoing) {
      if (this.#asked.get(asked.ticket) !== asked) continue;
      const link = asked.leaderOnly ? this.#leader : this.#next();
      if (link === undefined) continue;
      const frame = frames.get(link);
      if (frame === undefined) frames.set(link, [asked]);
      else if (frame.push(asked) === inquiryLimits.questionsPerFrame) {
        frames.delete(link);
        this.#sendFrame(nowMs, link, frame, send);
      }
    }
    for (const [link, frame] of frames) this.#sendFrame(nowMs, link, frame, send);
  }

  #sendFrame(nowMs: number, link: number, frame: readonly Asked[], send: SendQuestions): void {
    const taken = send(link, frame);
    for (const asked of frame) {
      if (!taken) this.#retryLater(nowMs, asked);
      else {
        asked.link = link;
        if (asked.patient) this.#wake(asked, nowMs + inquiryLimits.patienceMs);
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
    if (asked === undefined) return;
    // Rows answer the question whoever brings them; a failure counts only for the attempt it is about.
    if (answer.kind === "rows") this.#end(asked, answer);
    else if (asked.link === link) {
      asked.link = undefined;
      this.#retryLater(nowMs, asked);
    }
  }

  tick(nowMs: number): void {
    for (const asked of this.#wheel.take(nowMs)) {
      if (asked.deadlineMs <= nowMs) this.#end(asked, { kind: "failed", code: "unavailable" });
      else if (asked.link === undefined) this.#sendAgain(asked);
      else this.#losePatience(asked, asked.link);
    }
  }

  /** A stopped replica must not keep a read waiting that another can answer; one that is only busy must not be made busier. */
  #losePatience(asked: Asked, link: number): void {
    asked.patient = false;
    this.#slow.add(link);
    if (isCheap(asked.inquiry) && this.#links.length > 1) this.#sendAgain(asked);
    else this.#wheel.set(asked, asked.deadlineMs);
  }

  #sendAgain(asked: Asked): void {
    asked.link = undefined;
    this.#wheel.set(asked, asked.deadlineMs);
    this.#outgoing.push(asked);
  }

  #retryLater(nowMs: number, asked: Asked): void {
    this.#wake(asked, nowMs + inquiryLimits.retryMs);
  }

  #wake(asked: Asked, atMs: number): void {
    this.#wheel.set(asked, Math.min(atMs, asked.deadlineMs));
  }

  #end(asked: Asked, found: Found): void {
    this.#asked.delete(asked.ticket);
    this.#wheel.clear(asked);
    asked.answered(found);
  }
}
