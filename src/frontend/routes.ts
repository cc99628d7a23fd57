/**
 * The table of the API's calls: what is served, by whom, and what is guarded. The server, the 405 replies and the
 * API's description are all made from it.
 */
import type { Desk } from "./desk.ts";
import type { Exchange } from "./exchange.ts";
import { respondProblem } from "./exchange.ts";
import { listItems, lookUpItem } from "./item-lookups.ts";
import {
  describeApi,
  livez,
  metricsPage,
  type Operations,
  readyz,
  showCluster,
  showLeader,
} from "./operations.ts";
import { listOrders, lookUpOrder } from "./order-lookups.ts";
import { addItem, placeBatch, placeOrder } from "./placing.ts";
import { readQuery } from "./query.ts";

export interface Route {
  readonly method: "GET" | "POST";
  /** With at most one parameter, as its last part: `/orders/:number`. */
  readonly path: string;
  /** Whether it needs the token, if there is one. */
  readonly guarded: boolean;
  /** `segment` is the parameter as it was sent, still escaped; `query` what stands behind the question mark. */
  readonly handle: (exchange: Exchange, segment: string, query: string) => void;
}

export function createRoutes(desk: Desk, operations: Operations): readonly Route[] {
  const items = `/${desk.resource}`;
  /** A call without query parameters. */
  const plain =
    (handle: (exchange: Exchange) => void): Route["handle"] =>
    (exchange, _segment, query) => {
      const parameters = readQuery(query, []);
      if ("status" in parameters) respondProblem(exchange, parameters);
      else handle(exchange);
    };
  const open = { guarded: false } as const;
  const guarded = { guarded: true } as const;
  return [
    { method: "GET", path: items, ...open, handle: (exchange, _, query) => listItems(desk, exchange, query) },
    { method: "POST", path: items, ...guarded, handle: plain((exchange) => addItem(desk, exchange)) },
    {
      method: "GET",
      path: `${items}/:name`,
      ...open,
      handle: (exchange, segment, query) => lookUpItem(desk, exchange, segment, query),
    },
    { method: "POST", path: "/orders", ...open, handle: plain((exchange) => placeOrder(desk, exchange)) },
    {
      method: "POST",
      path: "/orders/batch",
      ...open,
      handle: plain((exchange) => placeBatch(desk, exchange)),
    },
    {
      method: "GET",
      path: "/orders",
      ...guarded,
      handle: (exchange, _, query) => listOrders(desk, exchange, query),
    },
    {
      method: "GET",
      path: "/orders/:number",
      ...open,
      handle: (exchange, segment, query) => lookUpOrder(desk, exchange, segment, query),
    },
    { method: "GET", path: "/leader", ...open, handle: plain((exchange) => showLeader(desk, exchange)) },
    {
      method: "GET",
      path: "/cluster",
      ...open,
      handle: plain((exchange) => showCluster(operations, exchange)),
    },
    { method: "GET", path: "/livez", ...open, handle: plain(livez) },
    {
      method: "GET",
      path: "/readyz",
      ...open,
      handle: plain((exchange) => readyz(desk, operations, exchange)),
    },
    { method: "GET", path: "/metrics", ...open, handle: plain((exchange) => metricsPage(desk, exchange)) },
    {
      method: "GET",
      path: "/openapi.json",
      ...open,
      handle: plain((exchange) => describeApi(operations, exchange)),
    },
  ];
}
