/**
 * A small service in memory that speaks the public API, for tests of those who use it. It can be told to fail: to
 * drop connections before or after it applied an order, to answer 503 or 504, or to lie.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeItem {
  readonly id: number;
  readonly name: string;
  readonly priceMinor: number;
  quantity: number;
  volume: number;
  position: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly position?: number;
  readonly headers?: Record<string, string>;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly authorization: string | undefined;
  /** Counts connections from 1, by their first request. */
  readonly connection: number;
}

/** What to do with a request instead of answering it. `undefined`: answer it. */
export type Fault =
  | { readonly kind: "drop-before" }
  | { readonly kind: "drop-after" }
  /** Never answered. */
  | { readonly kind: "hang" }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly retryAfter?: string;
      readonly apply?: boolean;
    }
  | { readonly kind: "body"; readonly body: string };

export interface FakeOptions {
  readonly fault?: (request: SeenRequest) => Fault | undefined;
  /** What a query tells of an order, as it is said. */
  readonly lie?: (order: Record<string, unknown>) => Record<string, unknown> | undefined;
  /** The position that a lookup tells. */
  readonly readPosition?: (item: FakeItem) => number;
  readonly sides?: readonly string[];
  readonly quantity?: number;
}

export interface FakeService {
  readonly url: string;
  readonly port: number;
  readonly requests: SeenRequest[];
  readonly orders: Record<string, unknown>[];
  readonly items: FakeItem[];
  close(): Promise<void>;
}

const refusal = (status: number, reason: string, more: object = {}): Answer => ({
  status,
  body: { error: { code: status, reason, message: reason, ...more } },
});

const inMajor = (minor: number): number => minor / 100;

export async function startFakeService(options: FakeOptions = {}): Promise<FakeService> {
  const items: FakeItem[] = ["FishCo", "BoarCo", "MenhirCo"].map((name, at) => ({
    id: at + 1,
    name,
    priceMinor: 1_799 + at * 1_060,
    quantity: options.quantity ?? 1_000,
    volume: 0,
    position: 1,
  }));
  const orders: Record<string, unknown>[] = [];
  const orderPositions: number[] = [];
  const answers = new Map<string, Answer>();
  const requests: SeenRequest[] = [];
  let position = 1;

  const itemBody = (item: FakeItem): object => ({
    id: item.id,
    name: item.name,
    price: inMajor(item.priceMinor),
    priceMinor: item.priceMinor,
    currency: "USD",
    quantity: item.quantity,
    volume: item.volume,
  });

  const place = (wish: { name?: string; quantity?: number; type?: string }): Answer => {
    const side = wish.type ?? "buy";
    const quantity = wish.quantity ?? 0;
    position++;
    if (options.sides !== undefined && !options.sides.includes(side)) {
      return { ...refusal(422, "side-not-allowed"), position };
    }
    const item = items.find(({ name }) => name === wish.name);
    if (item === undefined) return { ...refusal(404, "item-not-found"), position };
    if (side === "buy" && item.quantity < quantity) {
      return { ...refusal(409, "insufficient-stock", { available: item.quantity }), position };
    }
    item.quantity += side === "buy" ? -quantity : quantity;
    item.volume += quantity;
    item.position = position;
    const facts = {
      type: side,
      status: "filled",
      lines: [
        {
          id: item.id,
          name: wish.name,
          quantity,
          price: inMajor(item.priceMinor),
          priceMinor: item.priceMinor,
        },
      ],
      name: wish.name,
      quantity,
      total: inMajor(item.priceMinor * quantity),
      totalMinor: item.priceMinor * quantity,
      currency: "USD",
      at: "2026-01-02T03:04:05.006Z",
    };
    const number = orders.push(facts) - 1;
    orderPositions.push(position);
    return {
      status: 200,
      position,
      body: { data: { order_number: number, transaction_number: number, ...facts } },
    };
  };

  const once = (key: string | undefined, decide: () => Answer): Answer => {
    if (key === undefined) return decide();
    const before = answers.get(key);
    if (before !== undefined) return { ...before, headers: { "idempotent-replayed": "true" } };
    const answer = decide();
    answers.set(key, answer);
    return answer;
  };

  const answer = (seen: SeenRequest, body: string): Answer => {
    const url = new URL(seen.path, "http://fake");
    const path = url.pathname.split("/").slice(1).map(decodeURIComponent);
    if (path[0] !== "api") return refusal(404, "not-found");
    const [, first, second] = path;
    if (seen.method === "POST" && first === "orders") {
      const wish = JSON.parse(body);
      if (second !== "batch") return once(seen.key, () => place(wish));
      return once(seen.key, () => ({
        status: 200,
        position,
        body: { data: wish.orders.map((each: object) => place(each).body) },
      }));
    }
    if (first === "orders") {
      const order = orders[Number(second)];
      if (order === undefined) return refusal(404, "order-not-found");
      const said = { number: Number(second), ...order };
      const told = options.lie === undefined ? said : options.lie(said);
      if (told === undefined) return refusal(404, "order-not-found");
      return { status: 200, position: orderPositions[Number(second)] ?? 0, body: { data: told } };
    }
    if (first === "leader")
      return { status: 200, body: { data: { leader: "order-3", id: 3, port: 1, term: 2 } } };
    if (first === "cluster") {
      const processes = [{ name: "order-3", role: "order", id: 3, up: true }];
      return { status: 200, body: { data: { market: "stocks", leader: "order-3", term: 2, processes } } };
    }
    if (first !== "stocks") return refusal(404, "not-found");
    if (second === undefined) {
      const limit = Number(url.searchParams.get("limit") ?? 100);
      const after = Number(url.searchParams.get("after") ?? 0);
      const page = items.slice(after, after + limit).map(itemBody);
      const next = after + limit < items.length ? { next: String(after + limit) } : {};
      return { status: 200, position, body: { data: page, ...next } };
    }
    const item = items.find(({ name, id }) => name === second || String(id) === second);
    if (item === undefined) return refusal(404, "item-not-found");
    return {
      status: 200,
      position: options.readPosition?.(item) ?? item.position,
      body: { data: itemBody(item) },
    };
  };

  const connections = new WeakMap<object, number>();
  let connectionsSeen = 0;
  const connectionOf = ({ socket }: IncomingMessage): number => {
    const known = connections.get(socket) ?? ++connectionsSeen;
    connections.set(socket, known);
    return known;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await textOf(request);
    const key = request.headers["idempotency-key"];
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      key: typeof key === "string" ? key : undefined,
      authorization: request.headers.authorization,
      connection: connectionOf(request),
    };
    requests.push(seen);
    const fault = options.fault?.(seen);
    if (fault?.kind === "drop-before") return void request.socket.destroy();
    if (fault?.kind === "hang") return;
    if (fault?.kind === "body") return void response.writeHead(200).end(fault.body);
    if (fault?.kind === "status") {
      if (fault.apply === true) answer(seen, body);
      const headers = fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter };
      return void send(response, { ...refusal(fault.status, "unavailable"), headers });
    }
    const told = answer(seen, body);
    if (fault?.kind === "drop-after") return void request.socket.destroy();
    send(response, told);
  };
  const server = createServer((request, response) => {
    // A client that goes away in the middle of its request is its own business; any other error fails its call.
    serve(request, response).catch((error: unknown) => request.socket.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    orders,
    items,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

function send(response: ServerResponse, { status, body, position, headers }: Answer): void {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(position === undefined ? {} : { "bazaar-position": String(position) }),
    ...headers,
  });
  response.end(JSON.stringify(body));
}
