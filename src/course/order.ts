/**
 * An order replica of the published protocol: the second of the two places that a trade changes. The one that the
 * front-end has chosen has the catalog take the stock, gives the order the next number, appends it to its own file,
 * passes it on and answers. Between any two of these steps it may die, and nothing mends what is then half done.
 *
 * UNSAFE, and here to be broken: docs/course/README.md tells how.
 */
import { present } from "../base/assert.ts";
import { formatHash, HashSum, hash128 } from "../base/hash128.ts";
import type { CourseOrderConfig } from "../wire/course.ts";
import type { ProcessEvent, ProcessHost, RunningProcess } from "../wire/process.ts";
import { answering, DialledLink, listen } from "./link.ts";
import {
  type CourseOrder,
  type Handler,
  type Link,
  NoAnswer,
  type Reply,
  type Request,
  tell,
  type Wish,
} from "./messages.ts";
import { type CourseFiles, filesIn, readLines } from "./order-file.ts";

const orderFile = "orders.log";
/** Orders in one answer to a replica that asks for what it missed; it asks again. */
const missedMax = 10_000;
/** Less than the front-end waits for the whole. */
const tradeWithinMs = 1_500;

export interface ReplicaParts {
  readonly id: number;
  readonly files: CourseFiles;
  readonly catalog: Link;
  /** The other replicas, by id. */
  readonly peers: ReadonlyMap<number, Link>;
  emit(event: ProcessEvent): void;
}

export class OrderReplica {
  readonly #parts: ReplicaParts;
  /** As the file has them: a number may be there twice, or not at all. */
  readonly #orders: CourseOrder[] = [];
  readonly #hash = new HashSum();
  readonly #encoder = new TextEncoder();
  /** The number of the last order that it wrote, whoever gave it. */
  #lastNumber = -1;
  #leader: number | undefined;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
  }

  /** Read the file, then ask the leader for what came after the last order in it. */
  async load(): Promise<void> {
    const { lines, torn } = readLines<CourseOrder>(await this.#parts.files.read(orderFile));
    for (const order of lines) this.#keep(order);
    if (torn > 0) this.#parts.emit({ kind: "warning", message: `${torn} lines of ${orderFile} are torn` });
    await Promise.all([...this.#parts.peers.values()].map((peer) => this.#copyFrom(peer)));
  }

  readonly handle: Handler = async (request: Request): Promise<Reply> => {
    switch (request.kind) {
      case "ping":
        return { kind: "done" };
      case "leader-is":
        this.#follow(request.id);
        return { kind: "done" };
      case "trade":
        return await this.#trade(request.wish);
      case "record":
        await this.#append(request.order);
        return { kind: "done" };
      case "query": {
        const order = this.#orders.find(({ number }) => number === request.number);
        return order === undefined ? { kind: "none" } : { kind: "order", order };
      }
      case "missed":
        if (this.#leader !== this.#parts.id) return { kind: "none" };
        return { kind: "orders", orders: this.#after(request.after) };
      default:
        throw new NoAnswer(`an order replica does not ${request.kind}`);
    }
  };

  #after(number: number): readonly CourseOrder[] {
    return this.#orders.filter((order) => order.number > number).slice(0, missedMax);
  }

  get state() {
    return {
      state: this.#leader === this.#parts.id ? "leader" : "follower",
      ...(this.#leader !== undefined && { leader: this.#leader }),
      orders: this.#orders.length,
      // So that `check` compares the replicas where they have written equally many orders.
      position: this.#orders.length,
      stateHash: formatHash(this.#hash.value()),
    } as const;
  }

  async #trade(wish: Wish): Promise<Reply> {
    const traded = await this.#parts.catalog.ask({ kind: "trade", wish }, tradeWithinMs);
    if (traded.kind !== "item") return traded;
    // From here to the end of the append the stock is gone and there is no order.
    const { id, name, priceMinor } = traded.item;
    const { side, quantity } = wish;
    const order = { number: this.#lastNumber + 1, id, name, side, quantity, priceMinor };
    await this.#append(order);
    // Until one of these has arrived there is one copy of the order; its client is told all the same.
    for (const peer of this.#parts.peers.values()) void tell(peer, { kind: "record", order });
    return { kind: "order", order };
  }

  /** What comes after its own last number, if the peer leads. Whether what it has is what the leader has, it does not ask. */
  async #copyFrom(peer: Link): Promise<void> {
    for (;;) {
      const missed = await ordersAfter(peer, this.#lastNumber);
      if (missed.length === 0) return;
      for (const order of missed) await this.#append(order);
    }
  }

  async #append(order: CourseOrder): Promise<void> {
    this.#keep(order);
    await this.#parts.files.append(orderFile, JSON.stringify(order));
  }

  #keep(order: CourseOrder): void {
    this.#orders.push(order);
    this.#lastNumber = order.number;
    this.#hash.add(hash128(this.#encoder.encode(JSON.stringify(order))));
  }

  #follow(id: number): void {
    if (this.#leader === id) return;
    this.#leader = id;
    const state = id === this.#parts.id ? "leader" : "follower";
    this.#parts.emit({ kind: "state-changed", state, term: 0, leader: id });
  }
}

/** None if it does not answer, or does not lead. */
async function ordersAfter(peer: Link, after: number): Promise<readonly CourseOrder[]> {
  try {
    const reply = await peer.ask({ kind: "missed", after });
    return reply.kind === "orders" ? reply.orders : [];
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return [];
  }
}

/**
 * Resolves when it has its orders, as far as a leader can be found, and listens. Waits for the catalog without bound.
 * Rejects with the operating system's error if the port is taken.
 */
export async function startCourseOrder(
  config: CourseOrderConfig,
  host: ProcessHost,
  files: CourseFiles = filesIn(config.directory),
): Promise<RunningProcess> {
  const { cluster, name, id, orders } = config;
  const hello = { cluster, role: "order", name, id } as const;
  const catalog = new DialledLink(config.catalog, hello);
  const others = orders.filter((other) => other.id !== id).sort((a, b) => b.id - a.id);
  const peers = new Map(others.map((other) => [other.id, new DialledLink(other, hello)]));
  const links = [catalog, ...peers.values()];
  const replica = new OrderReplica({ id, files, catalog, peers, emit: (event) => host.emit(event) });
  await answering(catalog);
  await replica.load();
  const own = present(
    orders.find((one) => one.id === id),
    "its own address",
  );
  const listener = await listen(own, cluster, () => ({
    handle: replica.handle,
    left: () => undefined,
  })).catch((error: unknown) => {
    for (const link of links) link.close();
    throw error;
  });
  return {
    status: () => ({ ...replica.state, rssBytes: process.memoryUsage.rss() }),
    stop: async () => {
      await listener.close();
      for (const link of links) link.close();
    },
  };
}
