/**
 * Reads of items and of lists of items, linearizable unless they say `consistency=stale`, by one of two ways.
 *
 * Under a live lease (leased-reads.ts) a reply is there, or a catalog is asked for what is at least as new as the last
 * invalidation: no leader has a part in it. Without one the leader gives a read point first, one for all reads that
 * wait, and a catalog is asked for what is at least as new as that. If no catalog is well, any order replica answers.
 *
 * The reading of the clock that the lease is checked by is `exchange.startedMs`: it was taken when Node had parsed the
 * request's head and called us, hence after the client began to read; and the way is chosen in the same turn of the
 * event loop, so that the cache has seen no less than at that reading.
 */
import { DecodeError } from "../base/bytes.ts";
import { requestLimits } from "../base/limits.ts";
import type { Position } from "../base/units.ts";
import type { Freshness, Inquiry } from "../wire/service.ts";
import type { Content, Wanted } from "./cache.ts";
import type { Desk } from "./desk.ts";
import { type Behind, type Exchange, readDeadlineMs, respondProblem, serverTiming } from "./exchange.ts";
import type { AnsweredBy, Found, Whom } from "./inquiries.ts";
import type { Asking, Source } from "./leased-reads.ts";
import { type Consistency, unanswered } from "./query.ts";
import { readItemRows } from "./reading.ts";

export interface ItemRead {
  readonly exchange: Exchange;
  readonly inquiry: Inquiry;
  /** The rows of a page; 1 for an item. One more is asked for, which shows whether there is a next page. */
  readonly limit: number;
  /** What it is kept as; undefined: it is of a kind that is not kept. */
  readonly wanted: Wanted | undefined;
  readonly consistency: Consistency;
  /** Answer; `headers` are those that every read has. */
  readonly show: (content: Content, headers: string[]) => void;
}

function inquiryFor(wanted: Wanted): Inquiry {
  if (wanted.kind === "page") {
    const { topic } = wanted;
    const limit = requestLimits.pageDefault + 1;
    return { kind: "items", ...(topic !== undefined && { topic }), after: 0, limit };
  }
  return { kind: "item", item: wanted.kind === "id" ? wanted.id : wanted.name };
}

export function readItems(desk: Desk, read: ItemRead): void {
  const { exchange, wanted } = read;
  const { stale, atLeast } = read.consistency;
  if (stale) {
    if (atLeast === undefined) return ask(desk, read, { kind: "stale" }, "catalog", {});
    return ask(desk, read, { kind: "at-least", position: atLeast }, "replica", {});
  }
  if (!desk.reads.holds(exchange.startedMs)) return readBehindBarrier(desk, read);
  if (wanted === undefined || atLeast !== undefined) {
    return bypassCache(desk, read);
  }
  const slot = desk.reads.read(wanted, read, readDeadlineMs(exchange), exchange.startedMs);
  if (slot?.content !== undefined) {
    desk.metrics.cache.hits++;
    answer(desk, read, slot.content, "hit", {});
  }
  return undefined;
}

/** Under a lease, for what is not kept. */
function bypassCache(desk: Desk, read: ItemRead): void {
  const { inquiry, exchange } = read;
  const freshness: Freshness = { kind: "at-least", position: desk.reads.acknowledged };
  const answered = desk.reads.whileHeld(answeredBy(desk, read, {}), () => readBehindBarrier(desk, read));
  desk.replicas.ask(inquiry, freshness, "catalog", readDeadlineMs(exchange), answered);
}

/** Without a lease: whoever has been told of anything was told of it before the leader passed this barrier. */
export function readBehindBarrier(desk: Desk, read: ItemRead): void {
  const askedMs = desk.now();
  readPoint(desk, readDeadlineMs(read.exchange), (at) => {
    if (at === undefined) return failRead(desk, read);
    const behind = { orderMs: desk.now() - askedMs };
    return ask(desk, read, { kind: "at-least", position: at }, "catalog", behind);
  });
}

function readPoint(desk: Desk, deadlineMs: number, then: (at: Position | undefined) => void): void {
  if (desk.barriers.join(then, deadlineMs)) desk.replicas.wake();
  else then(undefined);
}

/** Ask for the barrier that reads wait for, if none is under way. To be called as late as can be. */
export function askBarrier({ barriers, replicas, now }: Desk): void {
  const deadlineMs = barriers.next();
  if (deadlineMs === undefined) return;
  replicas.ask({ kind: "position" }, { kind: "latest" }, "leader", deadlineMs, (found) => {
    const at = found.kind === "rows" ? found.position : undefined;
    const { passed, failed } = barriers.settled(now(), at !== undefined);
    for (const go of passed) go(at);
    for (const go of failed) go(undefined);
    if (barriers.size > 0) replicas.wake();
  });
}

function ask(desk: Desk, read: ItemRead, freshness: Freshness, whom: Whom, behind: Behind): void {
  const answered = answeredBy(desk, read, behind);
  desk.replicas.ask(read.inquiry, freshness, whom, readDeadlineMs(read.exchange), answered);
}

/** What becomes of the answer to a question that is put now; `orderMs` went by before. */
function answeredBy(desk: Desk, read: ItemRead, { orderMs = 0 }: Behind): AnsweredBy {
  const { stale, atLeast } = read.consistency;
  const askedMs = desk.now();
  return (found, catalog) => {
    const content = contentOf(found, read.limit);
    if (content === undefined) return failRead(desk, read);
    const tookMs = desk.now() - askedMs;
    const behind = catalog ? { orderMs, catalogMs: tookMs } : { orderMs: orderMs + tookMs };
    if (!stale && atLeast !== undefined && content.position < atLeast) {
      // Of the leader, who has it first. Not of a catalog: one that waits for what a client made up would seem stopped.
      return ask(desk, read, { kind: "at-least", position: atLeast }, "leader", behind);
    }
    desk.metrics.cache.bypasses++;
    return answer(desk, read, content, "bypass", behind);
  };
}

/** Rows that cannot be read are no answer: whoever asked was not answered. */
function contentOf(found: Found, limit: number): Content | undefined {
  if (found.kind === "failed") return undefined;
  try {
    const rows = readItemRows(found.rows);
    return {
      position: found.position,
      rows: rows.length > limit ? rows.slice(0, limit) : rows,
      more: found.more || rows.length > limit,
    };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

/** A question of the leased reads. */
export function askLeased(desk: Desk, asking: Asking): void {
  const { wanted, floor, deadlineMs } = asking;
  const freshness: Freshness = { kind: "at-least", position: floor };
  desk.replicas.ask(inquiryFor(wanted), freshness, "catalog", deadlineMs, (found, catalog) => {
    const content = contentOf(found, wanted.kind === "page" ? requestLimits.pageDefault : 1);
    desk.reads.answered(desk.now(), asking, content, catalog ? "catalog" : "order");
  });
}

export function showMiss(desk: Desk, read: ItemRead, content: Content, source: Source): void {
  const tookMs = desk.now() - read.exchange.startedMs;
  desk.metrics.cache.misses++;
  answer(desk, read, content, "miss", source === "catalog" ? { catalogMs: tookMs } : { orderMs: tookMs });
}

export function failRead(desk: Desk, { exchange, consistency }: ItemRead): void {
  desk.metrics.reads.unavailable++;
  respondProblem(exchange, unanswered(consistency));
}

function answer(
  desk: Desk,
  { exchange, consistency, show }: ItemRead,
  content: Content,
  cache: "hit" | "miss" | "bypass",
  behind: Behind,
): void {
  desk.metrics.reads.answered++;
  const timing = serverTiming(desk.now(), exchange.startedMs, behind);
  const headers = ["x-cache", cache, "server-timing", timing];
  if (consistency.stale) headers.push("age", String(Math.floor(desk.replicas.leaderlessMs / 1_000)));
  show(content, headers);
}
