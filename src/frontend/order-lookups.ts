/**
 * `GET /orders/<number>` and `GET /orders`.
 *
 * A found order never changes in its facts, so any replica may show one. That there is none is said by a replica that
 * has come to the last position that this front-end has acknowledged under a live lease, or, without one, by the leader
 * as of a barrier. Lists are the leader's.
 */
import { DecodeError } from "../base/bytes.ts";
import type { OrderRow } from "../market/rows.ts";
import type { Freshness, Inquiry } from "../wire/service.ts";
import { type Desk, reject } from "./desk.ts";
import {
  type Exchange,
  positioned,
  readDeadlineMs,
  respond,
  respondProblem,
  serverTiming,
} from "./exchange.ts";
import type { AnsweredBy, Found, Whom } from "./inquiries.ts";
import { inquiryLimits } from "./limits.ts";
import { malformed, type Problem, problem, shown } from "./problem.ts";
import {
  allDigits,
  type Consistency,
  consistencyParameters,
  linearizable,
  readConsistency,
  readConsistencyQuery,
  readLimit,
  readNumber,
  readQuery,
  unanswered,
} from "./query.ts";
import { readOrderRow, readOrderRows, readOrderRowsIfAny } from "./reading.ts";
import { readText } from "./texts.ts";

type Rows = Extract<Found, { kind: "rows" }>;
/** Asks for the headers, which count the read as answered, once it has read the rows. */
type Show = (found: Rows, headers: () => string[]) => void;

/** Ask as freshly as the caller wants, and give `rows` what was found; a failure is answered here. */
function find(desk: Desk, exchange: Exchange, inquiry: Inquiry, wanted: Consistency, rows: Show): void {
  const { stale, atLeast } = wanted;
  if (!stale) ask(desk, exchange, inquiry, { kind: "latest" }, "leader", wanted, rows);
  else {
    const freshness: Freshness =
      atLeast === undefined ? { kind: "stale" } : { kind: "at-least", position: atLeast };
    ask(desk, exchange, inquiry, freshness, "replica", wanted, rows);
  }
}

function ask(
  desk: Desk,
  exchange: Exchange,
  inquiry: Inquiry,
  freshness: Freshness,
  whom: Whom,
  consistency: Consistency,
  rows: Show,
): void {
  const { stale, atLeast } = consistency;
  const askedMs = desk.now();
  const deadlineMs = readDeadlineMs(exchange);
  const answered = (found: Found): void => {
    if (found.kind === "failed") {
      desk.metrics.reads.unavailable++;
      respondProblem(exchange, unanswered(consistency));
      return;
    }
    if (!stale && atLeast !== undefined && found.position < atLeast) {
      // The state was read after the request came and is not that far yet: any that is will be later still.
      desk.replicas.ask(inquiry, { kind: "at-least", position: atLeast }, whom, deadlineMs, answered);
      return;
    }
    const headers = (): string[] => {
      const told = readHeaders(desk, exchange, askedMs);
      if (stale) told.push("age", String(Math.floor(desk.replicas.leaderlessMs / 1_000)));
      return told;
    };
    try {
      rows(found, headers);
    } catch (error) {
      // Rows are decoded before anything is answered: a replica whose rows cannot be read has not answered.
      if (!(error instanceof DecodeError)) throw error;
      desk.metrics.reads.unavailable++;
      respondProblem(exchange, unanswered(consistency));
    }
  };
  desk.replicas.ask(inquiry, freshness, whom, deadlineMs, answered);
}

function readHeaders(desk: Desk, exchange: Exchange, askedMs: number): string[] {
  desk.metrics.reads.answered++;
  desk.metrics.cache.bypasses++;
  const nowMs = desk.now();
  return [
    "x-cache",
    "bypass",
    "server-timing",
    serverTiming(nowMs, exchange.startedMs, { orderMs: nowMs - askedMs }),
  ];
}

/** The rows to show, and the last of them if there are more behind it: one more than `limit` was asked for. */
function pageOf<Row>(
  { more }: Rows,
  rows: readonly Row[],
  limit: number,
): { readonly page: readonly Row[]; readonly last: Row | undefined } {
  const page = rows.slice(0, limit);
  return { page, last: more || rows.length > limit ? page.at(-1) : undefined };
}

export function lookUpOrder(desk: Desk, exchange: Exchange, segment: string, query: string): void {
  if (!allDigits.test(segment))
    return reject(
      desk,
      exchange,
      malformed(`an order's number must be a whole number; got ${shown(segment)}`),
    );
  const consistency = query === "" ? linearizable : readConsistencyQuery(query);
  if ("status" in consistency) return reject(desk, exchange, consistency);
  const number = Number(segment);
  const missing = problem("order-not-found", `There is no order ${shown(segment)}.`);
  if (!Number.isSafeInteger(number)) return respondProblem(exchange, missing);
  const inquiry: Inquiry = { kind: "order", number };
  const show = (order: OrderRow, headers: string[]): void =>
    respond(exchange, 200, `{"data":${desk.renderer.order(order)}}`, positioned(headers, order.position));
  const rows: Show = (found, headers) => {
    const order = readOrderRow(found.rows);
    if (order === undefined) respondProblem(exchange, missing, positioned(headers(), found.position));
    else show(order, headers());
  };
  if (consistency.stale || consistency.atLeast !== undefined)
    return find(desk, exchange, inquiry, consistency, rows);
  const atLeader = (): void => find(desk, exchange, inquiry, consistency, rows);
  const underLease = (): void => {
    const nowMs = desk.now();
    if (!desk.reads.holds(nowMs)) return atLeader();
    const freshness: Freshness = { kind: "at-least", position: desk.reads.acknowledged };
    const answered = foundOr(desk, exchange, show, (none, headers) => {
      if (none === undefined) atLeader();
      else respondProblem(exchange, missing, positioned(headers(), none.position));
    });
    const untilMs = nowMs + inquiryLimits.noOrderMs;
    desk.replicas.ask(inquiry, freshness, "replica", untilMs, desk.reads.whileHeld(answered, atLeader));
  };
  const untilMs = exchange.startedMs + inquiryLimits.anyReplicaMs;
  desk.replicas.ask(
    inquiry,
    { kind: "stale" },
    "replica",
    untilMs,
    foundOr(desk, exchange, show, underLease),
  );
}

/**
 * What becomes of an order that was looked for wherever, by a question that is put now: if one is found it is shown, of
 * whatever age the state is. `otherwise` is told of the state in which there was none; of nothing if nobody could be
 * asked in time, or what came could not be read.
 *
 * That rests on orders never changing: a cancellation will have to take its status from a state as new as the question.
 */
function foundOr(
  desk: Desk,
  exchange: Exchange,
  show: (order: OrderRow, headers: string[]) => void,
  otherwise: (none: Rows | undefined, headers: () => string[]) => void,
): AnsweredBy {
  const askedMs = desk.now();
  const headers = (): string[] => readHeaders(desk, exchange, askedMs);
  return (found) => {
    if (found.kind === "failed") return otherwise(undefined, headers);
    const orders = readOrderRowsIfAny(found.rows);
    const order = orders?.[0];
    if (order !== undefined) return show(order, headers());
    return otherwise(orders === undefined ? undefined : found, headers);
  };
}

const maxNumber = Number.MAX_SAFE_INTEGER;

export function listOrders(desk: Desk, exchange: Exchange, query: string): void {
  const inquiry = ordersInquiry(query);
  if ("status" in inquiry) return reject(desk, exchange, inquiry);
  const { filter, consistency, limit } = inquiry;
  return find(desk, exchange, { ...filter, limit: limit + 1 }, consistency, (found, headers) => {
    const { page, last } = pageOf(found, readOrderRows(found.rows), limit);
    const next = last === undefined ? "" : `,"next":"${last.number}"`;
    const data = page.map((row) => desk.renderer.order(row)).join(",");
    respond(exchange, 200, `{"data":[${data}]${next}}`, positioned(headers(), found.position));
  });
}

interface OrdersInquiry {
  readonly filter: Extract<Inquiry, { kind: "orders" }>;
  readonly consistency: Consistency;
  readonly limit: number;
}

function ordersInquiry(query: string): OrdersInquiry | Problem {
  const texts = ["name", "customer", "reference"] as const;
  const numbers = ["after", "before"] as const;
  const parameters = readQuery(query, [...texts, ...numbers, "limit", ...consistencyParameters]);
  if ("status" in parameters) return parameters;
  const consistency = readConsistency(parameters);
  if ("status" in consistency) return consistency;
  const limit = readLimit(parameters);
  if (typeof limit !== "number") return limit;
  const given: { item?: string; customer?: string; reference?: string; after?: number; before?: number } = {};
  for (const field of texts) {
    const value = parameters.get(field);
    if (value === undefined) continue;
    const text = readText(field, value);
    if (typeof text !== "string") return text;
    given[field === "name" ? "item" : field] = text;
  }
  for (const field of numbers) {
    const value = readNumber(parameters, field, 0, maxNumber);
    if (typeof value === "object") return value;
    if (value !== undefined) given[field] = value;
  }
  return { filter: { kind: "orders", ...given, limit }, consistency, limit };
}
