/** A front-end over real sockets, before replicas that are faked but for their market: what its tests share. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { present } from "../base/assert.ts";
import { builtinMarkets } from "../market/builtin.ts";
import { decodeCommand } from "../market/codec.ts";
import type { ProcessEvent, RunningProcess, ServiceAddress } from "../wire/process.ts";
import { FakeCatalog } from "./fake-catalog.test-support.ts";
import { FakeMarket, FakeReplica } from "./fake-replica.test-support.ts";
import { startFrontend } from "./main.ts";

export const cluster = "test-cluster";
export const stocks = present(builtinMarkets.get("stocks"), "the stock market");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  const limitMs = performance.now() + 5_000;
  while (!holds()) {
    assert.ok(performance.now() < limitMs, `never came about: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function addresses(kind: string, ports: readonly number[]): readonly ServiceAddress[] {
  return ports.map((port, i) => ({ id: i + 1, name: `${kind}-${i + 1}`, host: "127.0.0.1", port }));
}

export interface World {
  readonly market: FakeMarket;
  readonly replicas: readonly FakeReplica[];
  readonly catalogs: readonly FakeCatalog[];
  readonly frontend: RunningProcess;
  readonly port: number;
  readonly url: string;
  readonly events: ProcessEvent[];
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly replicas?: number;
  readonly catalogs?: number;
  /** Replies that the front-end may keep; none are granted a lease for them unless `prepare` sees to it. */
  readonly cache?: number;
  readonly token?: string;
  /** Called with each replica before the front-end starts. */
  readonly prepare?: (replica: FakeReplica) => void;
  /** Called when the front-end has begun to start; a session may be long in coming. */
  readonly starting?: (url: string, replicas: readonly FakeReplica[]) => Promise<void>;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const market = new FakeMarket(stocks);
  const replicas = Array.from({ length: options.replicas ?? 1 }, () => new FakeReplica(market, cluster));
  const ports = await Promise.all(replicas.map((replica) => replica.open()));
  const catalogs = Array.from({ length: options.catalogs ?? 0 }, () => new FakeCatalog(market, cluster));
  const catalogPorts = await Promise.all(catalogs.map((catalog) => catalog.open()));
  const leader = replicas.length;
  replicas[leader - 1]?.lead(1, leader, true);
  if (options.prepare !== undefined) replicas.forEach(options.prepare);
  const port = await freePort();
  const events: ProcessEvent[] = [];
  const url = `http://127.0.0.1:${port}`;
  const started = startFrontend(
    {
      role: "frontend",
      name: "frontend-1",
      id: 1,
      cluster,
      orders: addresses("order", ports),
      catalogs: addresses("catalog", catalogPorts),
      cache: options.cache ?? 0,
      listen: { host: "127.0.0.1", port },
      market: stocks,
      secret: "ab".repeat(32),
      ...(options.token !== undefined && { token: options.token }),
    },
    {
      emit: (event) => events.push(event),
      watched: true,
      cluster: async () => ({
        market: "stocks",
        resource: "stocks",
        engine: "embedded",
        leader: "order-1",
        term: 1,
        processes: [],
      }),
      fatal: (error) => {
        throw error;
      },
    },
  );
  await options.starting?.(url, replicas);
  const frontend = await started;
  return {
    market,
    replicas,
    catalogs,
    frontend,
    port,
    url,
    events,
    close: async () => {
      await frontend.stop();
      await Promise.all([...replicas, ...catalogs].map((fake) => fake.close()));
    },
  };
}

/** The market was told that the request of this issued key is over, but for what was left open of it. */
export async function acknowledged({ market }: World, key: string): Promise<void> {
  const [, session, first, count = 1] = key
    .replace(/-[^-]*$/, "")
    .split("-")
    .map(Number);
  assert.ok(session !== undefined && first !== undefined);
  await until(`the acknowledgement of ${key}`, () =>
    [...market.seen.keys()].some((bytes) => {
      const command = decodeCommand(Buffer.from(bytes, "hex"));
      return command.kind === "acknowledge" && command.session === session && command.below >= first + count;
    }),
  );
}

export interface Data {
  readonly order_number: number;
  readonly transaction_number: number;
  readonly name: string;
  readonly quantity: number;
  readonly price: number;
  readonly total: number;
  readonly reference: string;
  readonly leader: string;
  readonly term: number;
  readonly engine: string;
  readonly status: string;
  /** In a batch's slot. */
  readonly data?: Data;
  readonly error?: { readonly reason: string };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    /** What the tests look at, of whatever came; a list is given as `list`. */
    readonly data: Data;
    readonly list: readonly Data[];
    readonly error?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly next?: string;
  };
}

export async function call(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const body = (await response.json()) as Omit<Answer["body"], "list">;
  const list = Array.isArray(body.data) ? (body.data as readonly Data[]) : [];
  return { status: response.status, headers: response.headers, body: { ...body, list } };
}

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return call(url, {
    method: "POST",
    body: text,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** What comes back, until the server ends the connection, for bytes that no HTTP client would send. */
export async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(text);
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}
