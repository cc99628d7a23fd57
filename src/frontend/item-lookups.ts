/** `GET /<resource>/<name or id>` and `GET /<resource>`: what was asked, and how what was found is shown. */
import { requestLimits } from "../base/limits.ts";
import type { Inquiry } from "../wire/service.ts";
import { type Desk, reject } from "./desk.ts";
import { type Exchange, positioned, respond, respondProblem } from "./exchange.ts";
import { renderPage } from "./hits.ts";
import { readItems } from "./item-reads.ts";
import { type Problem, problem, shown } from "./problem.ts";
import {
  allDigits,
  consistencyParameters,
  linearizable,
  type Parameters,
  readConsistency,
  readConsistencyQuery,
  readCursor,
  readLimit,
  readQuery,
  readSegment,
} from "./query.ts";
import { readText } from "./texts.ts";

/** `segment` is the path's last part as it was sent, `query` what stands behind the question mark. */
export function lookUpItem(desk: Desk, exchange: Exchange, segment: string, query: string): void {
  const decoded = readSegment(segment);
  if (typeof decoded !== "string") return reject(desk, exchange, decoded);
  const consistency = query === "" ? linearizable : readConsistencyQuery(query);
  if ("status" in consistency) return reject(desk, exchange, consistency);
  const byId = allDigits.test(decoded);
  const item = byId ? Number(decoded) : readText("the item's name", decoded);
  if (typeof item === "object") return reject(desk, exchange, item);
  if (typeof item === "number" && (item < 1 || item > requestLimits.itemsMax)) {
    return respondProblem(exchange, problem("item-not-found", `There is no item ${shown(decoded)}.`));
  }
  const missing = (): Problem =>
    problem("item-not-found", `There is no item ${shown(decoded)}.`, { item: decoded });
  return readItems(desk, {
    exchange,
    inquiry: { kind: "item", item },
    limit: 1,
    wanted: typeof item === "number" ? { kind: "id", id: item } : { kind: "name", name: item },
    consistency,
    show: ({ position, rows: [row] }, headers) => {
      if (row === undefined) respondProblem(exchange, missing(), positioned(headers, position));
      else {
        const data = desk.renderer.item(row, typeof item === "string" ? item : undefined);
        respond(exchange, 200, `{"data":${data}}`, positioned(headers, row.changed));
      }
    },
  });
}

interface ItemsQuery {
  readonly limit: number;
  readonly after: number;
  readonly texts: { readonly topic?: string; readonly q?: string };
}

function readItemsQuery(parameters: Parameters): ItemsQuery | Problem {
  const limit = readLimit(parameters);
  if (typeof limit !== "number") return limit;
  const cursor = parameters.get("after");
  const after = cursor === undefined ? 0 : readCursor(cursor);
  if (typeof after !== "number") return after;
  const texts: { topic?: string; q?: string } = {};
  for (const field of ["topic", "q"] as const) {
    const given = parameters.get(field);
    if (given === undefined) continue;
    const text = readText(field, given);
    if (typeof text !== "string") return text;
    texts[field] = text;
  }
  return { limit, after, texts };
}

export function listItems(desk: Desk, exchange: Exchange, query: string): void {
  const parameters = readQuery(query, ["topic", "q", "limit", "after", ...consistencyParameters]);
  if ("status" in parameters) return reject(desk, exchange, parameters);
  const consistency = readConsistency(parameters);
  if ("status" in consistency) return reject(desk, exchange, consistency);
  const wanted = readItemsQuery(parameters);
  if ("status" in wanted) return reject(desk, exchange, wanted);
  const { limit, after, texts } = wanted;
  const inquiry: Inquiry = { kind: "items", ...texts, after, limit: limit + 1 };
  const kept = after === 0 && texts.q === undefined && limit === requestLimits.pageDefault;
  return readItems(desk, {
    exchange,
    inquiry,
    limit,
    wanted: kept ? { kind: "page", topic: texts.topic } : undefined,
    consistency,
    show: (content, headers) =>
      respond(exchange, 200, renderPage(desk.renderer, content), positioned(headers, content.position)),
  });
}
