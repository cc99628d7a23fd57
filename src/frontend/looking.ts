/**
 * Everything that only reads: items, lists of items, orders, lists of orders.
 *
 * A read is linearizable unless it says `consistency=stale`: the leader answers it as of a barrier. A found order
 * never changes in its facts, so any replica may show one; that there is none only the leader can say.
 */
import { DecodeError } from "../base/bytes.ts";
import { orderTimes, requestLimits } from "../base/limits.ts";
import type { Position } from "../base/units.ts";
import type { OrderRow } from "../market/rows.ts";
import type { Inquiry } from "../wire/service.ts";
import { type Desk, reject } from "./desk.ts";
import { type Exchange, respond, respondProblem, serverTiming } from "./exchange.ts";
import type { Found } from "./inquiries.ts";
import { inquiryLimits } from "./limits.ts";
import { malformed, type Problem, problem, shown, unread } from "./problem.ts";
import {
  type Consistency,
  consistencyParameters,
  linearizable,
  readConsistency,
  readCursor,
  readLimit,
  readNumber,
  readQuery,
  readSegment,
  writeCursor,
} from "./query.ts";
import { readItemRows, readOrderRow, readOrderRowIfAny, readOrderRows } from "./reading.ts";
import { readText } from "./texts.ts";

type Rows = Extract<Found, { kind: "rows" }>;

/** When a read is given up, however many times it asks. */
function readDeadlineMs({ startedMs }: Exchange): number {
  return startedMs + orderTimes.readDeadlineMs;
}

/** Ask as freshly as the caller wants, and give `rows` what was found; a failure is answered here. */
function find(
  desk: Desk,
  exchange: Exchange,
  inquiry: Inquiry,
  { stale, atLeast }: Consistency,
  rows: (found: Rows, headers: string[]) => void,
): void {
  const askedMs = desk.now();
  const deadlineMs = readDeadlineMs(exchange);
  const answered = (found: Found): void => {
    if (found.kind === "failed") {
      desk.metrics.reads.unavailable++;
      respondProblem(exchange, unread);
      return;
    }
    if (!stale && atLeast !== undefined && found.position < atLeast) {
      // The state was read after the request came and is not that far yet: any that is will be later still.
      desk.replicas.ask(inquiry, { kind: "at-least", position: atLeast }, true, deadlineMs, answered);
      return;
    }
    desk.metrics.reads.answered++;
    const nowMs = desk.now();
    const headers = [
      "x-cache",
      "bypass",
      "server-timing",
      serverTiming(nowMs, exchange.startedMs, nowMs - askedMs),
    ];
    if (stale) headers.push("age", String(Math.floor(desk.replicas.leaderlessMs / 1_000)));
    try {
      rows(found, headers);
    } catch (error) {
      // Rows are decoded before anything is answered: a replica whose rows cannot be read has not answered.
      if (!(error instanceof DecodeError)) throw error;
      respondProblem(exchange, unread);
    }
  };
  if (!stale) desk.replicas.ask(inquiry, { kind: "latest" }, true, deadlineMs, answered);
  else if (atLeast === undefined) desk.replicas.ask(inquiry, { kind: "stale" }, false, deadlineMs, answered);
  else desk.replicas.ask(inquiry, { kind: "at-least", position: atLeast }, false, deadlineMs, answered);
}

function positioned(headers: string[], position: Position): string[] {
  headers.push("bazaar-position", String(position));
  return headers;
}

const allDigits = /^[0-9]+$/;

/** `segment` is the path's last part as it was sent, `query` what stands behind the question mark. */
export function lookUpItem(desk: Desk, exchange: Exchange, segment: string, query: string): void {
  const decoded = readSegment(segment);
  if (typeof decoded !== "string") return reject(desk, exchange, decoded);
  const consistency = query === "" ? linearizable : consistencyOf(query);
  if ("status" in consistency) return reject(desk, exchange, consistency);
  const byId = allDigits.test(decoded);
  const item = byId ? Number(decoded) : readText("the item's name", decoded);
  if (typeof item === "object") return reject(desk, exchange, item);
  const missing = (): Problem =>
    problem("item-not-found", `There is no item ${shown(decoded)}.`, { item: decoded });
  if (typeof item === "number" && (item < 1 || item > requestLimits.itemsMax)) {
    return respondProblem(exchange, problem("item-not-found", `There is no item ${shown(decoded)}.`));
  }
  return find(desk, exchange, { kind: "item", item }, consistency, (found, headers) => {
    const row = readItemRows(found.rows)[0];
    if (row === undefined) respondProblem(exchange, missing(), positioned(headers, found.position));
    else {
      const data = desk.renderer.item(row, typeof item === "string" ? item : undefined);
      respond(exchange, 200, `{"data":${data}}`, positioned(headers, row.changed));
    }
  });
}

function consistencyOf(query: string): Consistency | Problem {
  const parameters = readQuery(query, consistencyParameters);
  return "status" in parameters ? parameters : readConsistency(parameters);
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

export function listItems(desk: Desk, exchange: Exchange, query: string): void {
  const parameters = readQuery(query, ["topic", "limit", "after", ...consistencyParameters]);
  if ("status" in parameters) return reject(desk, exchange, parameters);
  const consistency = readConsistency(parameters);
  if ("status" in consistency) return reject(desk, exchange, consistency);
  const limit = readLimit(parameters);
  if (typeof limit !== "number") return reject(desk, exchange, limit);
  const cursor = parameters.get("after");
  const after = cursor === undefined ? 0 : readCursor(cursor);
  if (typeof after !== "number") return reject(desk, exchange, after);
  const given = parameters.get("topic");
  const topic = given === undefined ? undefined : readText("topic", given);
  if (typeof topic === "object") return reject(desk, exchange, topic);
  // One more than asked for shows whether there is a next page.
  const inquiry: Inquiry = { kind: "items", ...(topic !== undefined && { topic }), after, limit: limit + 1 };
  return find(desk, exchange, inquiry, consistency, (found, headers) => {
    const { page, last } = pageOf(found, readItemRows(found.rows), limit);
    const next = last === undefined ? "" : `,"next":"${writeCursor(last.id)}"`;
    const data = page.map((row) => desk.renderer.item(row)).join(",");
    respond(exchange, 200, `{"data":[${data}]${next}}`, positioned(headers, found.position));
  });
}

export function lookUpOrder(desk: Desk, exchange: Exchange, segment: string, query: string): void {
  if (!allDigits.test(segment))
    return reject(
      desk,
      exchange,
      malformed(`an order's number must be a whole number; got ${shown(segment)}`),
    );
  const consistency = query === "" ? linearizable : consistencyOf(query);
  if ("status" in consistency) return reject(desk, exchange, consistency);
  const number = Number(segment);
  const missing = problem("order-not-found", `There is no order ${shown(segment)}.`);
  if (!Number.isSafeInteger(number)) return respondProblem(exchange, missing);
  const inquiry: Inquiry = { kind: "order", number };
  const show = (order: OrderRow, headers: string[]): void =>
    respond(exchange, 200, `{"data":${desk.renderer.order(order)}}`, positioned(headers, order.position));
  const ask = (wanted: Consistency, otherwise: (found: Rows, headers: string[]) => void): void =>
    find(desk, exchange, inquiry, wanted, (found, headers) => {
      const order = readOrderRow(found.rows);
      if (order === undefined) otherwise(found, headers);
      else show(order, headers);
    });
  const none = (found: Rows, headers: string[]): void =>
    respondProblem(exchange, missing, positioned(headers, found.position));
  if (consistency.stale || consistency.atLeast !== undefined) return ask(consistency, none);
  return anyReplica(desk, exchange, inquiry, show, () => ask(consistency, none));
}

/** Look for an order wherever; what is found needs no age, for it never changes. */
function anyReplica(
  desk: Desk,
  exchange: Exchange,
  inquiry: Inquiry,
  show: (order: OrderRow, headers: string[]) => void,
  otherwise: () => void,
): void {
  const askedMs = desk.now();
  const untilMs = exchange.startedMs + inquiryLimits.anyReplicaMs;
  desk.replicas.ask(inquiry, { kind: "stale" }, false, untilMs, (found) => {
    const order = found.kind === "rows" ? readOrderRowIfAny(found.rows) : undefined;
    if (order === undefined) return otherwise();
    desk.metrics.reads.answered++;
    const nowMs = desk.now();
    return show(order, [
      "x-cache",
      "bypass",
      "server-timing",
      serverTiming(nowMs, exchange.startedMs, nowMs - askedMs),
    ]);
  });
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
    respond(exchange, 200, `{"data":[${data}]${next}}`, positioned(headers, found.position));
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
