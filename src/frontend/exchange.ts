/**
 * One HTTP request and its reply, on the bare Node objects: what every handler is given and how it answers. Headers
 * go out as one flat list in one call, which is what Node writes fastest.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { orderTimes } from "../base/limits.ts";
import type { Position } from "../base/units.ts";
import { type Problem, renderProblem } from "./problem.ts";

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Monotonic milliseconds when the request's head had been read. */
  readonly startedMs: number;
}

export const jsonType = "application/json; charset=utf-8";

/** `headers` is a flat list of names and values, which this call may add to. */
export function respond(
  { response }: Exchange,
  status: number,
  body: string,
  headers: string[] = [],
  type: string = jsonType,
): void {
  const length = Buffer.byteLength(body);
  headers.push("content-type", type, "content-length", String(length));
  response.writeHead(status, headers);
  // As many bytes as characters: all ASCII, which Node writes cheaper as what it is.
  response.end(body, length === body.length ? "latin1" : "utf8");
}

/** When a read is given up, however many times it asks. */
export function readDeadlineMs({ startedMs }: Exchange): number {
  return startedMs + orderTimes.readDeadlineMs;
}

export function positioned(headers: string[], position: Position): string[] {
  headers.push("bazaar-position", String(position));
  return headers;
}

export function respondData(exchange: Exchange, data: string, headers: string[] = []): void {
  respond(exchange, 200, `{"data":${data}}`, headers);
}

export function respondProblem(exchange: Exchange, problem: Problem, headers: string[] = []): void {
  if (problem.status === 503) headers.push("retry-after", "1");
  if (problem.status === 401) headers.push("www-authenticate", "Bearer");
  respond(exchange, problem.status, renderProblem(problem), headers);
}

/**
 * The value of a header, without making an object of all of them. `name` in lower case. A header that came twice is
 * given as both values with a comma and a space between, as HTTP has it.
 */
export function header(request: IncomingMessage, name: string): string | undefined {
  const raw = request.rawHeaders;
  let value: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const candidate = raw[i] as string;
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    value = value === undefined ? raw[i + 1] : `${value}, ${raw[i + 1]}`;
  }
  return value;
}

/** Milliseconds with microseconds behind the point, for `Server-Timing`. */
function duration(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

/** Milliseconds spent behind the front-end; undefined: that tier took no part. */
export interface Behind {
  readonly orderMs?: number;
  readonly catalogMs?: number;
}

/** How long this tier and those behind it took. */
export function serverTiming(nowMs: number, startedMs: number, { orderMs, catalogMs }: Behind): string {
  let timing = `frontend;dur=${duration(nowMs - startedMs - (orderMs ?? 0) - (catalogMs ?? 0))}`;
  if (orderMs !== undefined) timing += `, order;dur=${duration(orderMs)}`;
  if (catalogMs !== undefined) timing += `, catalog;dur=${duration(catalogMs)}`;
  return timing;
}
