/**
 * Orders on their way. The outbox decides when a submission is sent, to whom, whether again, and how it ends; it has
 * no socket, no timer and no clock, so every course of events can be tried in a test.
 *
 * A *link* is one established connection to one replica, numbered by the caller and never used again. A submission
 * is *definite* as long as no byte of it was handed to a link, or every link it was handed to refused it before
 * appending. From the first attempt whose fate was not learnt it is *indefinite* for good: it is sent again under the
 * same request id, and if its deadline comes first the outcome is unknown.
 *
 * Invariant: every submission settles exactly once, by a reply or, at its deadline, by a failure.
 */
import { assert } from "../base/assert.ts";
import { failures } from "../base/failure.ts";
import { orderTimes } from "../base/limits.ts";
import type { Result } from "../wire/service.ts";
import { outboxLimits } from "./limits.ts";
import { TicketTable } from "./ticket-table.ts";

/** A submission under way; `request` is the caller's own and comes back in the settlement. */
export interface Pending<T> {
  readonly ticket: number;
  readonly command: Uint8Array;
  readonly request: T;
  readonly deadlineMs: number;
  /** When it was last handed to a link; -1: never. */
  sentMs: number;
  /** The link whose answer is awaited. */
  flight: number | undefined;
  /** An attempt ended without its fate being learnt. */
  unknown: boolean;
  queued: boolean;
  settled: boolean;
  retryMs: number;
}

export type Outcome =
  | { readonly kind: "reply"; readonly reply: Uint8Array }
  /** `unavailable` is definite, `outcome-unknown` is not. */
  | { readonly kind: "failed"; readonly code: "unavailable" | "outcome-unknown" };

export interface Settlement<T> {
  readonly pending: Pending<T>;
  readonly outcome: Outcome;
}

/** Whether new orders are taken: `full` and `leaderless` are refused before anything happened. */
export type Admission = "open" | "full" | "leaderless";

/** Hands submissions to a link as one frame; false, and nothing was handed over, if the link takes none now. */
export type SendSubmissions<T> = (link: number, submissions: readonly Pending<T>[]) => boolean;

export class Outbox<T> {
  readonly #pending = new TicketTable<Pending<T>>();
  #bytes = 0;
  #leader: { readonly link: number; readonly term: number } | undefined;
  #leaderlessSinceMs: number;
  #outgoing: Pending<T>[] = [];
  /** Refused ones, in the order of their time to try again. */
  #retries: Pending<T>[] = [];
  #resends = 0;

  constructor(nowMs: number) {
    this.#leaderlessSinceMs = nowMs;
  }

  get size(): number {
    return this.#pending.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Submissions that were handed to a link a second time or more often. */
  get resends(): number {
    return this.#resends;
  }

  get wantsFlush(): boolean {
    return this.#outgoing.length > 0;
  }

  admits(nowMs: number, orders: number): Admission {
    if (this.#pending.size + orders > outboxLimits.pendingOrders || this.#bytes > outboxLimits.pendingBytes)
      return "full";
    if (this.#leader === undefined && nowMs - this.#leaderlessSinceMs >= orderTimes.leaderlessMs)
      return "leaderless";
    return "open";
  }

  /** The caller has asked `admits`. Sent by the next `flush` if there is a leader, else as soon as there is one. */
  submit(nowMs: number, command: Uint8Array, request: T): Pending<T> {
    const pending: Pending<T> = {
      ticket: this.#pending.next,
      command,
      request,
      deadlineMs: nowMs + orderTimes.deadlineMs,
      sentMs: -1,
      flight: undefined,
      unknown: false,
      queued: false,
      settled: false,
      retryMs: 0,
    };
    this.#pending.add(pending.ticket, pending);
    this.#bytes += command.length;
    if (this.#leader !== undefined) this.#queue(pending);
    return pending;
  }

  /**
   * Another link leads, or the same one under another term: everything under way goes to it. `undefined`: nobody
   * is known to lead.
   */
  leaderChanged(nowMs: number, leader: { readonly link: number; readonly term: number } | undefined): void {
    const before = this.#leader;
    if (leader?.link === before?.link && leader?.term === before?.term) return;
    this.#leader = leader;
    for (const pending of this.#outgoing) pending.queued = false;
    this.#outgoing = [];
    if (leader === undefined) {
      this.#leaderlessSinceMs = nowMs;
      return;
    }
    this.#retries = [];
    for (const pending of this.#pending.values()) {
      if (pending.flight !== undefined) {
        pending.flight = undefined;
        pending.unknown = true;
      }
      this.#queue(pending);
    }
  }

  /** A link ended: what it was handed and had not answered may have happened. */
  linkLost(nowMs: number, link: number): void {
    for (const pending of this.#pending.values()) {
      if (pending.flight !== link) continue;
      pending.flight = undefined;
      pending.unknown = true;
    }
    if (this.#leader?.link === link) this.leaderChanged(nowMs, undefined);
  }

  /** Hand everything that waits for it to the leader. */
  flush(nowMs: number, send: SendSubmissions<T>): void {
    const leader = this.#leader;
    const outgoing = this.#outgoing;
    if (outgoing.length === 0) return;
    assert(leader !== undefined, "submissions are queued only for a leader");
    this.#outgoing = [];
    for (let at = 0; at < outgoing.length; ) {
      const frame: Pending<T>[] = [];
      for (let bytes = 0; at < outgoing.length && bytes < outboxLimits.frameBytes; at++) {
        const pending = outgoing[at] as Pending<T>;
        pending.queued = false;
        if (pending.settled) continue;
        frame.push(pending);
        bytes += pending.command.length;
      }
      if (frame.length === 0) continue;
      const taken = send(leader.link, frame);
      for (const pending of frame) {
        if (taken) this.#handed(nowMs, pending, leader.link);
        else this.#retryLater(nowMs, pending);
      }
    }
  }

  #handed(nowMs: number, pending: Pending<T>, link: number): void {
    if (pending.sentMs !== -1) this.#resends++;
    pending.sentMs = nowMs;
    pending.flight = link;
  }

  result(nowMs: number, link: number, result: Result): Settlement<T> | undefined {
    const pending = this.#pending.get(result.ticket);
    if (pending === undefined) return undefined;
    // A reply is the committed truth, whoever brings it; a failure counts only for the attempt it is about.
    if (result.kind === "reply") {
      this.#remove(pending);
      return { pending, outcome: result };
    }
    if (pending.flight !== link) return undefined;
    pending.flight = undefined;
    if (!failures[result.code].definite) pending.unknown = true;
    const refused = result.code === "unavailable";
    const waitedMs = nowMs - (pending.deadlineMs - orderTimes.deadlineMs);
    if (refused && !pending.unknown && waitedMs >= orderTimes.leaderlessMs) {
      // A leader that has refused for so long (its disk is full) will not take it in a moment.
      this.#remove(pending);
      return { pending, outcome: { kind: "failed", code: "unavailable" } };
    }
    this.#retryLater(nowMs, pending, refused ? outboxLimits.refusedRetryMs : outboxLimits.retryMs);
    return undefined;
  }

  /** Settles what is past its deadline and queues what is due for another try. */
  tick(nowMs: number): readonly Settlement<T>[] {
    this.#requeueRetries(nowMs);
    const settlements: Settlement<T>[] = [];
    // All deadlines are equally far from their submission, so the oldest come first.
    for (const pending of this.#pending.values()) {
      if (pending.deadlineMs > nowMs) break;
      this.#remove(pending);
      const definite = pending.flight === undefined && !pending.unknown;
      const code = definite ? "unavailable" : "outcome-unknown";
      settlements.push({ pending, outcome: { kind: "failed", code } });
    }
    return settlements;
  }

  #requeueRetries(nowMs: number): void {
    let due = 0;
    for (; due < this.#retries.length; due++) {
      const pending = this.#retries[due] as Pending<T>;
      // In the order in which they were refused: one that is due waits for those before it, a fifth of a second at most.
      if (pending.retryMs > nowMs) break;
      if (this.#leader !== undefined && !pending.settled && pending.flight === undefined)
        this.#queue(pending);
    }
    if (due > 0) this.#retries = this.#retries.slice(due);
  }

  #retryLater(nowMs: number, pending: Pending<T>, afterMs: number = outboxLimits.retryMs): void {
    pending.retryMs = nowMs + afterMs;
    this.#retries.push(pending);
  }

  #queue(pending: Pending<T>): void {
    if (pending.queued) return;
    pending.queued = true;
    this.#outgoing.push(pending);
  }

  #remove(pending: Pending<T>): void {
    this.#pending.delete(pending.ticket);
    this.#bytes -= pending.command.length;
    pending.settled = true;
  }
}
