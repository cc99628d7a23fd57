/**
 * The shortest way from a request to its reply: a URL that is known letter by letter, a lease that is live, and the
 * reply as it was last sent. Nothing is parsed, matched or put together that is the same each time; a hit costs little
 * more than what `node:http` costs by itself.
 */
import type { ServerResponse } from "node:http";
import { present } from "../base/assert.ts";
import type { Content, Slot, Spell, Subject } from "./cache.ts";
import { jsonType } from "./exchange.ts";
import type { LeasedReads } from "./leased-reads.ts";
import type { Metrics } from "./metrics.ts";
import { writeCursor } from "./query.ts";
import type { Renderer } from "./rendering.ts";

/** A whole reply, but for the time it took, which goes into `headers` at `timingAt`. */
export interface Ready {
  readonly headers: string[];
  /** A character for each byte of the body, which Node joins with the head into one write. */
  readonly body: string;
}

const timingAt = 5;

/** `Server-Timing` for whole microseconds: to make the text anew would cost more than what it tells of. */
const timings: readonly string[] = Array.from(
  { length: 1_000 },
  (_, us) => `frontend;dur=${us === 0 ? "0" : (us / 1_000).toFixed(3)}`,
);

function timing(ms: number): string {
  return timings[Math.round(ms * 1_000)] ?? `frontend;dur=${ms.toFixed(3)}`;
}

/** The first page's reply; `more` is told by the last row. */
export function renderPage(renderer: Renderer, { rows, more }: Omit<Content, "position">): string {
  const last = more ? rows.at(-1) : undefined;
  const next = last === undefined ? "" : `,"next":"${writeCursor(last.id)}"`;
  return `{"data":[${rows.map((row) => renderer.item(row)).join(",")}]${next}}`;
}

/** Every URL that means the subject and nothing else, as most clients write it. */
export function spellings(resource: string): Spell {
  return (subject: Subject, { rows }: Content) => {
    const paths =
      typeof subject === "number"
        ? [`/${resource}/${encodeURIComponent(rows[0]?.name ?? subject)}`, `/${resource}/${subject}`]
        : [subject === "" ? `/${resource}` : `/${resource}?topic=${encodeURIComponent(subject)}`];
    return paths.flatMap((path) => [path, `/api${path}`]);
  };
}

interface HitsDesk {
  readonly reads: Pick<LeasedReads<Ready, unknown>, "spelled" | "holds" | "touch">;
  readonly renderer: Renderer;
  readonly metrics: Metrics;
  now(): number;
}

function prepare(renderer: Renderer, slot: Slot<Ready>, content: Content): Ready {
  const single = typeof slot.subject === "number";
  const row = single ? present(content.rows[0], "the row of an item that is kept") : undefined;
  const text = row === undefined ? renderPage(renderer, content) : `{"data":${renderer.item(row)}}`;
  const body = Buffer.from(text).toString("latin1");
  const headers = [
    "x-cache",
    "hit",
    "bazaar-position",
    String(row?.changed ?? content.position),
    "server-timing",
    "",
    "content-type",
    jsonType,
    "content-length",
    String(body.length),
  ];
  slot.ready = { headers, body };
  return slot.ready;
}

/**
 * Answers a `GET` of this URL if the reply is kept; false, and nothing was done, if not.
 *
 * The clock is read here, after the request was parsed, and the cache is looked at afterwards in the same turn: at that
 * reading the lease was live, so what is kept was the newest that anyone had been told of.
 */
export function createHits(desk: HitsDesk): (url: string, response: ServerResponse) => boolean {
  const { reads, renderer, metrics } = desk;
  return (url, response) => {
    const slot = reads.spelled(url);
    if (slot === undefined) return false;
    const startedMs = desk.now();
    const { content } = slot;
    if (content === undefined || !reads.holds(startedMs)) return false;
    const ready = slot.ready ?? prepare(renderer, slot, content);
    reads.touch(slot);
    metrics.cache.hits++;
    metrics.reads.answered++;
    const { headers } = ready;
    headers[timingAt] = timing(desk.now() - startedMs);
    response.writeHead(200, headers);
    response.end(ready.body, "latin1");
    return true;
  };
}
