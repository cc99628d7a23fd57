/**
 * Reads on their way to replicas and catalogs: asked of the leader, of any replica that is connected, or of any catalog
 * and, while none is well, of any replica; asked again when the link or the leadership they were asked under is gone (a
 * read changes nothing), given up at their deadline. Like the outbox it has no socket, timer or clock.
 *
 * A turn of the clock costs what is due in it, however many reads wait: for their deadline, for a replica that could
 * not answer to be asked again, or for a leader, of which `linksChanged` tells.
 */
import { unreachable } from "../base/assert.ts";
import type { FailureCode } from "../base/failure.ts";
import type { Answered, Freshness, Inquiry, Question } from "../wire/service.ts";
import { type Due, DueWheel, notDue } from "./due-wheel.ts";
import { inquiryLimits } from "./limits.ts";
import { TicketTable } from "./ticket-table.ts";

export type Found =
  | Extract<Answered, { kind: "rows" }>
  /** The deadline passed, or too many reads were under way. */
  | { readonly kind: "failed"; readonly code: FailureCode };

/** Who may answer: only the leader; any replica; a catalog, or any replica if there is none. */
export type Whom = "leader" | "replica" | "catalog";

/** `catalog`: whether one answered, and not a replica. */
export type AnsweredBy = (found: Found, catalog: boolean) => void;

interface Asked extends Question, Due<Asked> {
  readonly whom: Whom;
  readonly deadlineMs: number;
  readonly answered: AnsweredBy;
  /** Whose answer is awaited; undefined: it is to be sent, or waits for somebody to send it to. */
  link: number | undefined;
  /** Whether one that is silent for `patienceMs` is still to be called slow. */
  patient: boolean;
  /** How often it may yet be asked of another because one is silent or cannot answer. */
  moves: number;
}

/** Hands questions to a link as one frame; false, and nothing was handed over, if the link takes none now. */
export type SendQuestions = (link: number, questions: readonly Question[]) => boolean;

/** Whether two replicas may do the work for one answer. */
function isCheap({ kind }: Inquiry): boolean {
  return kind === "item" || kind === "order";
}

function movesOf(whom: Whom, inquiry: Inquiry, freshness: Freshness): number {
  switch (whom) {
    case "leader":
      return 0;
    case "catalog":
      return inquiryLimits.catalogMoves;
    case "replica":
      // Who waits for a position has done no work yet.
      return freshness.kind === "at-least" || isCheap(inquiry) ? 1 : 0;
    default:
      return unreachable(whom);
  }
}

const untilItAnswers = Number.POSITIVE_INFINITY;

export class Inquiries {
  readonly #asked = new TicketTable<Asked>();
  /** Every question is in it, with the time when something is to be done about it: its deadline at the latest. */
  readonly #wheel = new DueWheel<Asked>();
  #outgoing: Asked[] = [];
  #links: readonly number[] = [];
  #leader: number | undefined;
  #catalogs: readonly number[] = [];
  #turn = 0;
  #catalogTurn = 0;
  /**
   * Links that let a question wait for too long, or could not answer one: asked only if there are no others, until
   * then, or until they answer something.
   */
  readonly #slow = new Map<number, number>();

  get size(): number {
    return this.#asked.size;
  }

  get wantsFlush(): boolean {
    return this.#outgoing.length > 0;
  }

  /** `answered` is called exactly once: with rows, or with a failure at the deadline. Never before this returns, but when full. */
  ask(inquiry: Inquiry, freshness: Freshness, whom: Whom, deadlineMs: number, answered: AnsweredBy): void {
    if (this.#asked.size >= inquiryLimits.pending) {
      answered({ kind: "failed", code: "unavailable" }, false);
      return;
    }
    const asked: Asked = {
      ticket: this.#asked.next,
      freshness,
      inquiry,
      whom,
      deadlineMs,
      answered,
      link: undefined,
      // The leader has no substitute.
      patient: whom !== "leader",
      moves: movesOf(whom, inquiry, freshness),
      ...notDue,
    };
    this.#asked.add(asked.ticket, asked);
    this.#wheel.set(asked, deadlineMs);
    this.#outgoing.push(asked);
  }

  /** Which links to replicas are open, and which of them leads. Questions whose addressee is gone or deposed are asked again. */
  linksChanged(links: readonly number[], leader: number | undefined): void {
    this.#links = links;
    this.#leader = leader;
    this.#addressAnew();
  }

  /** Which links to catalogs are open; likewise. */
  catalogsChanged(catalogs: readonly number[]): void {
    this.#catalogs = catalogs;
    this.#addressAnew();
  }

  #isOpen(link: number): boolean {
    return this.#links.includes(link) || this.#catalogs.includes(link);
  }

  #addressAnew(): void {
    this.#outgoing = [];
    for (const link of this.#slow.keys()) if (!this.#isOpen(link)) this.#slow.delete(link);
    for (const asked of this.#asked.values()) {
      const { link, whom } = asked;
      if (link !== undefined && this.#isOpen(link) && !(whom === "leader" && link !== this.#leader)) continue;
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
      const link = this.#addressee(nowMs, asked);
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

  #addressee(nowMs: number, { whom, freshness, moves }: Asked): number | undefined {
    const leader = this.#leader;
    if (whom === "leader") return leader;
    if (whom === "replica") {
      // One that has not come to the position may be cut off, or being copied: nobody is further than the leader.
      const moved = freshness.kind === "at-least" && moves === 0;
      return moved && leader !== undefined && !this.#isSlow(nowMs, leader)
        ? leader
        : this.#nextReplica(nowMs);
    }
    const catalogs = this.#catalogs;
    for (let i = 0; i < catalogs.length; i++) {
      const link = catalogs[this.#catalogTurn++ % catalogs.length] as number;
      if (!this.#isSlow(nowMs, link)) return link;
    }
    return this.#nextReplica(nowMs) ?? catalogs[this.#catalogTurn++ % catalogs.length];
  }

  /** The next link in turn that is not slow; if all are, the next. */
  #nextReplica(nowMs: number): number | undefined {
    const links = this.#links;
    for (let i = 0; i < links.length; i++) {
      const link = links[this.#turn++ % links.length] as number;
      if (!this.#isSlow(nowMs, link)) return link;
    }
    return links[this.#turn++ % links.length];
  }

  #isSlow(nowMs: number, link: number): boolean {
    const untilMs = this.#slow.get(link);
    return untilMs !== undefined && nowMs < untilMs;
  }

  answer(nowMs: number, link: number, answer: Answered): void {
    this.#slow.delete(link);
    const asked = this.#asked.get(answer.ticket);
    if (asked === undefined) return;
    // Rows answer the question whoever brings them; a failure counts only for the attempt it is about.
    if (answer.kind === "rows") this.#end(asked, answer, this.#catalogs.includes(link));
    else if (asked.link === link) this.#refused(nowMs, asked, link);
  }

  #refused(nowMs: number, asked: Asked, link: number): void {
    asked.link = undefined;
    if (asked.whom !== "leader") {
      this.#slow.set(link, nowMs + inquiryLimits.restMs);
      if (asked.moves > 0) {
        asked.moves--;
        this.#sendAgain(asked);
        return;
      }
    }
    this.#retryLater(nowMs, asked);
  }

  tick(nowMs: number): void {
    for (const asked of this.#wheel.take(nowMs)) {
      if (asked.deadlineMs <= nowMs) this.#end(asked, { kind: "failed", code: "unavailable" }, false);
      else if (asked.link === undefined) this.#sendAgain(asked);
      else this.#losePatience(asked, asked.link);
    }
  }

  /**
   * A process that is stopped, or does not come to a position, must not keep a read waiting that another can answer; a
   * replica that is only busy must not be made busier by what costs much.
   */
  #losePatience(asked: Asked, link: number): void {
    this.#slow.set(link, untilItAnswers);
    const others = this.#links.length + (asked.whom === "catalog" ? this.#catalogs.length : 0) > 1;
    const moves = others && asked.moves > 0;
    if (moves) asked.moves--;
    asked.patient = moves && asked.moves > 0;
    if (moves) this.#sendAgain(asked);
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

  #end(asked: Asked, found: Found, catalog: boolean): void {
    this.#asked.delete(asked.ticket);
    this.#wheel.clear(asked);
    asked.answered(found, catalog);
  }
}
