/**
 * The typed client of Bazaar's public API.
 *
 * It does for its caller what every careful client must: each order has an `Idempotency-Key`, and is sent again under
 * that key after a lost connection, 503 and 504, with back-off, until a deadline. Expected outcomes are values; a
 * thrown `ClientFailure` says that no answer was had, and whether the order certainly did not happen.
 *
 * It uses the paths under `/api`, which a server keeps whole whatever dialect it speaks besides.
 */
import { randomBytes } from "node:crypto";
import type { Random } from "../base/random.ts";
import { type ClockNs, monotonicNs } from "./clock.ts";
import type { Attempt } from "./exchange.ts";
import { ClientFailure } from "./failure.ts";
import {
  MalformedReply,
  parseBatch,
  parseBody,
  parseCluster,
  parseItem,
  parseItems,
  parseLeader,
  parseOrder,
  parseRefusal,
} from "./parse.ts";
import { type Answered, Sender } from "./sender.ts";
import type {
  BatchResult,
  ClientCounters,
  Cluster,
  Item,
  ItemResult,
  ItemsPage,
  Leader,
  OrderQueryResult,
  OrderResult,
  OrderWish,
  Placed,
  Refused,
  ReplyFacts,
} from "./types.ts";

export interface ClientOptions {
  /** `http://host:port`; a path is put before every request's. */
  readonly url: string;
  /** The most connections; default 64. */
  readonly connections?: number;
  readonly token?: string;
  /** The market's word in the URL. Default: what the service says, asked once. */
  readonly resource?: string;
  /** From the call to giving up; default 30 s. */
  readonly deadlineMs?: number;
  /**
   * A connection silent for so long is given up and the request sent again on a new one; default 2 s. It doubles with
   * every silence that the same request meets: a service that is slow, and not stopped, is not asked ever more often.
   */
  readonly attemptTimeoutMs?: number;
  /** 32 hexadecimal digits, never the same twice: the source of keys. Default: the system's randomness. */
  readonly newKey?: () => string;
  /** Jitter of waits. */
  readonly random?: Random;
  readonly clock?: ClockNs;
}

/** The words of the built-in markets, tried where a service does not say its own. */
const knownResources = ["stocks", "products", "books"] as const;

export class BazaarClient {
  readonly #sender: Sender;
  readonly #prefix: string;
  readonly #readHeaders: Record<string, string>;
  readonly #newKey: () => string;
  #resource: Promise<string> | undefined;

  constructor(options: ClientOptions) {
    const url = new URL(options.url);
    if (url.protocol !== "http:") throw new TypeError(`an http:// address is needed: ${options.url}`);
    this.#sender = new Sender({
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port || 80),
      connections: options.connections ?? 64,
      deadlineMs: options.deadlineMs ?? 30_000,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 2_000,
      random: options.random ?? Math.random,
      clock: options.clock ?? monotonicNs,
    });
    this.#prefix = `${url.pathname.replace(/\/$/, "")}/api`;
    this.#readHeaders = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
    this.#newKey = options.newKey ?? (() => randomBytes(16).toString("hex"));
    this.#resource = options.resource === undefined ? undefined : Promise.resolve(options.resource);
  }

  /** What was sent so far, and sent again. */
  get counters(): Readonly<ClientCounters> {
    return this.#sender.counters;
  }

  /** The market's word in the URL, asked once. */
  resource(): Promise<string> {
    this.#resource ??= this.#findResource().catch((error: unknown) => {
      this.#resource = undefined;
      throw error;
    });
    return this.#resource;
  }

  async #findResource(): Promise<string> {
    const { answer } = await this.#sender.exchange(this.#get("/cluster"), undefined);
    if (answer.status === 200) {
      const { resource } = this.#understood(answer, (body) => parseCluster(body.data));
      if (typeof resource === "string") return resource;
    }
    for (const word of knownResources) {
      const page = await this.#sender.exchange(this.#get(`/${word}?limit=1`), undefined);
      if (page.answer.status === 200) return word;
    }
    throw new ClientFailure("bad-reply", "the service names no resource", { definite: true });
  }

  async item(nameOrId: string | number): Promise<ItemResult> {
    const resource = await this.resource();
    const path = `/${resource}/${encodeURIComponent(nameOrId)}`;
    const { answer, facts } = await this.#sender.exchange(this.#get(path), undefined);
    if (answer.status === 404) return { kind: "missing", facts };
    this.#expect(answer, 200);
    return { kind: "found", item: this.#understood(answer, (body) => parseItem(body.data)), facts };
  }

  async items(
    filter: {
      readonly topic?: string;
      readonly q?: string;
      readonly limit?: number;
      readonly after?: string;
    } = {},
  ): Promise<ItemsPage> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter)) {
      if (value !== undefined) query.set(name, String(value));
    }
    const search = query.size === 0 ? "" : `?${query}`;
    const { answer, facts } = await this.#sender.exchange(
      this.#get(`/${await this.resource()}${search}`),
      undefined,
    );
    this.#expect(answer, 200);
    return this.#understood(answer, (body) => ({
      items: parseItems(body.data),
      next: typeof body.next === "string" ? body.next : undefined,
      facts,
    }));
  }

  /** Every item, page after page. */
  async allItems(): Promise<Item[]> {
    const all: Item[] = [];
    for (let after: string | undefined; ; ) {
      const page = await this.items(after === undefined ? { limit: 1_000 } : { limit: 1_000, after });
      all.push(...page.items);
      if (page.next === undefined) return all;
      after = page.next;
    }
  }

  /** Place an order. Give `key` only to ask again about an order that failed with `outcome-unknown`. */
  async order(wish: OrderWish, key = this.#newKey()): Promise<OrderResult> {
    const { answer, facts } = await this.#sender.exchange(this.#post("/orders", wish, key), key);
    const result = this.#outcome(
      answer,
      key,
      (body): Placed => ({ kind: "placed", order: parseOrder(body.data) }),
    );
    return { ...result, key, facts };
  }

  /** Many orders under one key; each is placed or refused on its own. A refusal of the whole is `refused`. */
  async batch(
    orders: readonly OrderWish[],
    key = this.#newKey(),
  ): Promise<BatchResult | (Refused & { readonly key: string; readonly facts: ReplyFacts })> {
    const { answer, facts } = await this.#sender.exchange(this.#post("/orders/batch", { orders }, key), key);
    const result = this.#outcome(answer, key, (body) => ({
      kind: "batch" as const,
      results: parseBatch(body.data),
    }));
    return { ...result, key, facts };
  }

  async orderByNumber(number: number): Promise<OrderQueryResult> {
    const { answer, facts } = await this.#sender.exchange(this.#get(`/orders/${number}`), undefined);
    if (answer.status === 404) return { kind: "missing", facts };
    this.#expect(answer, 200);
    return { kind: "found", order: this.#understood(answer, (body) => parseOrder(body.data)), facts };
  }

  async leader(): Promise<Leader> {
    const { answer } = await this.#sender.exchange(this.#get("/leader"), undefined);
    this.#expect(answer, 200);
    return this.#understood(answer, (body) => parseLeader(body.data));
  }

  async cluster(): Promise<Cluster> {
    const { answer } = await this.#sender.exchange(this.#get("/cluster"), undefined);
    this.#expect(answer, 200);
    return this.#understood(answer, (body) => parseCluster(body.data));
  }

  /** End every connection. Calls under way fail with `closed`. */
  close(): void {
    this.#sender.close();
  }

  #get(path: string): Attempt {
    return { method: "GET", path: this.#prefix + path, headers: this.#readHeaders, body: undefined };
  }

  #post(path: string, content: unknown, key: string): Attempt {
    const body = JSON.stringify(content);
    const headers = {
      ...this.#readHeaders,
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "idempotency-key": key,
    };
    return { method: "POST", path: this.#prefix + path, headers, body };
  }

  /** A 200 by `parse`; a 4xx as a refusal; anything else is no answer at all. */
  #outcome<T>(answer: Answered, key: string, parse: (body: { data?: unknown }) => T): T | Refused {
    if (answer.status === 200) return this.#understood(answer, parse, key);
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 401 && answer.status !== 403) {
      return this.#understood(answer, (body) => parseRefusal(body.error, answer.status), key);
    }
    throw this.#unexpected(answer, key);
  }

  #expect(answer: Answered, status: number): void {
    if (answer.status !== status) throw this.#unexpected(answer, undefined);
  }

  #unexpected(answer: Answered, key: string | undefined): ClientFailure {
    const refused = answer.status === 401 || answer.status === 403;
    return new ClientFailure(
      refused ? "not-authorised" : "bad-reply",
      `status ${answer.status}: ${answer.body.slice(0, 200)}`,
      { definite: key === undefined || refused, status: answer.status, key },
    );
  }

  #understood<T>(
    answer: Answered,
    parse: (body: { readonly data?: unknown; readonly next?: unknown; readonly error?: unknown }) => T,
    key?: string,
  ): T {
    try {
      return parse(parseBody(answer.body));
    } catch (cause) {
      if (!(cause instanceof MalformedReply)) throw cause;
      throw new ClientFailure("bad-reply", `status ${answer.status}: ${cause.message}`, {
        definite: key === undefined,
        status: answer.status,
        key,
        cause,
      });
    }
  }
}
