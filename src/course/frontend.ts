/**
 * The front-end of the published protocol: it chooses the order leader, keeps items that it has looked up, and sends an
 * order again when the leader does not answer. The order has no id, so the second sending is a second order.
 */
import { present } from "../base/assert.ts";
import type { CourseFrontendConfig } from "../wire/course.ts";
import type { ProcessHost, RunningProcess } from "../wire/process.ts";
import { type Answer, closeHttp, openHttp, type Route } from "./http.ts";
import { answering, DialledLink } from "./link.ts";
import { type Handler, type Link, NoAnswer, type Reply, type Request, tell, type Wish } from "./messages.ts";
import { failed, type Labels, readWish, refusal, renderItem, renderOrder, wrong } from "./rendering.ts";

/** How often one order, or one question for an order, is sent. */
const attemptsMax = 3;
const pingWithinMs = 500;

export interface FrontEndParts {
  readonly labels: Labels;
  /** By id. */
  readonly orders: ReadonlyMap<number, Link>;
  readonly catalog: Link;
  /** Items that it may keep; 0: none. */
  readonly cache: number;
}

export class FrontEnd {
  readonly #parts: FrontEndParts;
  /** Least recently used first. */
  readonly #cache = new Map<string, Answer>();
  readonly counts = { entries: 0, hits: 0, misses: 0, evictions: 0, bypasses: 0, lapses: 0 };
  leader: number | undefined;

  constructor(parts: FrontEndParts) {
    this.#parts = parts;
  }

  /** What the catalog asks: a push that is lost leaves the old item in the cache, for ever if it is popular. */
  readonly handle: Handler = async (request: Request): Promise<Reply> => {
    if (request.kind !== "invalidate") throw new NoAnswer(`a front-end does not ${request.kind}`);
    this.#cache.delete(request.name);
    this.counts.entries = this.#cache.size;
    return { kind: "done" };
  };

  /** The highest that answers a ping leads, and the others are told. One that only slept knows nothing of it. */
  async chooseLeader(): Promise<void> {
    this.leader = undefined;
    for (const id of [...this.#parts.orders.keys()].sort((a, b) => b - a)) {
      if (!(await answers(present(this.#parts.orders.get(id), "a link to each replica")))) continue;
      this.leader = id;
      for (const replica of this.#parts.orders.values()) void tell(replica, { kind: "leader-is", id });
      return;
    }
  }

  async item(name: string): Promise<Answer> {
    const kept = this.#cache.get(name);
    if (kept !== undefined) {
      this.#cache.delete(name);
      this.#cache.set(name, kept);
      this.counts.hits++;
      return { ...kept, cache: "hit" };
    }
    const reply = await this.#parts.catalog.ask({ kind: "look-up", name });
    if (reply.kind !== "item")
      return wrong(404, "item-not-found", `There is no item ${JSON.stringify(name)}.`);
    const answer: Answer = { status: 200, body: { data: renderItem(reply.item, this.#parts.labels) } };
    if (this.#parts.cache === 0) {
      this.counts.bypasses++;
      return { ...answer, cache: "bypass" };
    }
    this.counts.misses++;
    this.#keep(name, answer);
    return { ...answer, cache: "miss" };
  }

  async list(): Promise<Answer> {
    const reply = await this.#parts.catalog.ask({ kind: "list" });
    if (reply.kind !== "items") throw new NoAnswer("the catalog lists nothing");
    return { status: 200, body: { data: reply.items.map((item) => renderItem(item, this.#parts.labels)) } };
  }

  async order(wish: Wish): Promise<Answer> {
    const reply = await this.#askLeader({ kind: "trade", wish });
    if (reply.kind === "refused") return refusal(reply, wish);
    if (reply.kind !== "order") throw new NoAnswer("the leader knows nothing of a trade");
    const { number } = reply.order;
    const order = renderOrder(reply.order, this.#parts.labels);
    return { status: 200, body: { data: { order_number: number, transaction_number: number, ...order } } };
  }

  async orderByNumber(number: number): Promise<Answer> {
    const reply = await this.#askLeader({ kind: "query", number });
    if (reply.kind !== "order") return wrong(404, "order-not-found", `There is no order ${number}.`);
    return { status: 200, body: { data: { number, ...renderOrder(reply.order, this.#parts.labels) } } };
  }

  async #askLeader(request: Request): Promise<Reply> {
    for (let attempt = 1; ; attempt++) {
      const link = this.leader === undefined ? undefined : this.#parts.orders.get(this.leader);
      try {
        if (link === undefined) throw new NoAnswer("no order replica answers");
        return await link.ask(request);
      } catch (error) {
        if (!(error instanceof NoAnswer) || attempt === attemptsMax) throw error;
        // The leader may have done it, or be doing it yet: nobody asks.
        await this.chooseLeader();
      }
    }
  }

  #keep(name: string, answer: Answer): void {
    this.#cache.set(name, answer);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > this.#parts.cache && oldest !== undefined) {
      this.#cache.delete(oldest);
      this.counts.evictions++;
    }
    this.counts.entries = this.#cache.size;
  }
}

async function answers(link: Link): Promise<boolean> {
  try {
    await link.ask({ kind: "ping" }, pingWithinMs);
    return true;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return false;
  }
}

/** The subset of our public API that this protocol can serve. */
function routesOf(
  frontEnd: FrontEnd,
  config: CourseFrontendConfig,
  host: ProcessHost,
  labels: Labels,
): Route {
  const { resource } = labels;
  return async (method, path, body) => {
    const [first = "", second, ...rest] = path;
    if (rest.length > 0) return wrong(404, "not-found", "There is nothing here.");
    if (method === "POST" && first === "orders" && second === undefined) {
      const wish = readWish(body);
      return "status" in wish ? wish : await frontEnd.order(wish);
    }
    if (method !== "GET") return wrong(405, "method-not-allowed", "Only GET, and POST /orders.");
    if (first === resource && second === undefined) return await frontEnd.list();
    if (first === resource && second !== undefined) return await frontEnd.item(second);
    if (first === "orders" && /^\d{1,15}$/.test(second ?? ""))
      return await frontEnd.orderByNumber(Number(second));
    if (first === "cluster") return { status: 200, body: { data: await host.cluster() } };
    if (first === "livez" || first === "readyz") return { status: 200, body: { data: { ok: true } } };
    const leader = config.orders.find(({ id }) => id === frontEnd.leader);
    if (first !== "leader") return wrong(404, "not-found", "There is nothing here.");
    if (leader === undefined) return failed("No order replica answers.");
    return { status: 200, body: { data: { leader: leader.name, id: leader.id, port: leader.port } } };
  };
}

/** The published start scripts started the replicas first; ours start all at once. */
const replicasWithinMs = 5_000;

/**
 * Resolves when it has chosen a leader and listens. Waits for the catalog without bound, and for the replicas a few
 * seconds. Rejects with the operating system's error if the port is taken.
 */
export async function startCourseFrontend(
  config: CourseFrontendConfig,
  host: ProcessHost,
): Promise<RunningProcess> {
  const { cluster, name, id, cache } = config;
  const hello = { cluster, role: "frontend", name, id } as const;
  // The supervisor has checked the market.
  const labels = config.market as Labels;
  const catalog = new DialledLink(config.catalog, hello, (request) => frontEnd.handle(request));
  const orders = new Map(config.orders.map((order) => [order.id, new DialledLink(order, hello)]));
  const frontEnd = new FrontEnd({ labels, orders, catalog, cache });
  const close = (): void => {
    for (const link of [catalog, ...orders.values()]) link.close();
  };
  await answering(catalog);
  await Promise.all([...orders.values()].map((link) => answering(link, replicasWithinMs)));
  await frontEnd.chooseLeader();
  const server = await openHttp(config.listen, routesOf(frontEnd, config, host, labels)).catch(
    (error: unknown) => {
      close();
      throw error;
    },
  );
  return {
    status: () => ({
      ...(frontEnd.leader !== undefined && { leader: frontEnd.leader }),
      cache: frontEnd.counts,
      rssBytes: process.memoryUsage.rss(),
    }),
    stop: async () => {
      closeHttp(server);
      close();
    },
  };
}
