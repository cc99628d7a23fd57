/**
 * The catalog of the published protocol: the first of the two places that a trade changes. It holds the items and their
 * stock; trades take from it, and front-ends are told to drop what has changed.
 */
import { assert } from "../base/assert.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { CourseCatalogConfig } from "../wire/course.ts";
import type { ProcessHost, RunningProcess } from "../wire/process.ts";
import { listen } from "./link.ts";
import {
  type CourseItem,
  type Handler,
  type Link,
  NoAnswer,
  type RefusalReason,
  type Reply,
  type Request,
  tell,
  type Wish,
} from "./messages.ts";
import { type CourseFiles, filesIn, readLines } from "./order-file.ts";

const stockFile = "stock.json";
/** A front-end that does not answer a push costs each trade so much; less than whoever waits for the trade has. */
const pushWithinMs = 500;

/** The rules of a market that this protocol knows. */
export type CourseRules = Pick<MarketDefinition, "sides" | "items" | "maxQuantity" | "restock">;

export class Catalog {
  readonly #rules: CourseRules;
  readonly #files: CourseFiles;
  readonly #items = new Map<string, CourseItem>();
  /** Front-ends, which keep items. */
  readonly keepers = new Set<Link>();

  constructor(rules: CourseRules, files: CourseFiles) {
    this.#rules = rules;
    this.#files = files;
  }

  /** The stock as the file has it; the market's first items if there is none, or a kill has torn it. */
  async load(): Promise<void> {
    const { lines } = readLines<readonly CourseItem[]>(await this.#files.read(stockFile));
    const first = this.#rules.items.map((item, i): CourseItem => ({ ...item, id: i + 1, volume: 0 }));
    for (const item of lines[0] ?? first) this.#items.set(item.name, item);
  }

  readonly handle: Handler = async (request: Request): Promise<Reply> => {
    switch (request.kind) {
      case "ping":
        return { kind: "done" };
      case "look-up": {
        const item = this.#items.get(request.name);
        return item === undefined ? { kind: "none" } : { kind: "item", item };
      }
      case "list":
        return { kind: "items", items: [...this.#items.values()] };
      case "trade":
        return await this.#trade(request.wish);
      default:
        throw new NoAnswer(`a catalog does not ${request.kind}`);
    }
  };

  /** Fill up what is sold out. */
  async restock(): Promise<void> {
    const { restock } = this.#rules;
    if (restock === undefined) return;
    for (const item of [...this.#items.values()]) {
      if (item.quantity <= restock.when) await this.#change({ ...item, quantity: restock.to });
    }
  }

  async #trade({ name, side, quantity }: Wish): Promise<Reply> {
    const { sides, maxQuantity = Number.POSITIVE_INFINITY } = this.#rules;
    const item = this.#items.get(name);
    if (item === undefined) return refused("item-not-found");
    if (!sides.includes(side)) return refused("side-not-allowed");
    const available = side === "buy" ? item.quantity : maxQuantity - item.quantity;
    if (quantity > available) {
      return refused(side === "buy" ? "insufficient-stock" : "max-quantity-exceeded", available);
    }
    const taken = side === "buy" ? quantity : -quantity;
    const changed = { ...item, quantity: item.quantity - taken, volume: item.volume + quantity };
    await this.#change(changed);
    return { kind: "item", item: changed };
  }

  /** The caches are told after the change, and whether they heard it is not found out. */
  async #change(item: CourseItem): Promise<void> {
    assert(item.quantity >= 0, "stock is taken only where there is enough");
    this.#items.set(item.name, item);
    await this.#files.replace(stockFile, JSON.stringify([...this.#items.values()]));
    const push = { kind: "invalidate", name: item.name } as const;
    await Promise.all([...this.keepers].map((keeper) => tell(keeper, push, pushWithinMs)));
  }
}

function refused(reason: RefusalReason, available?: number): Reply {
  return { kind: "refused", reason, ...(available !== undefined && { available }) };
}

/** Resolves when it listens; rejects with the operating system's error if the port is taken. */
export async function startCourseCatalog(
  config: CourseCatalogConfig,
  _host: ProcessHost,
  files: CourseFiles = filesIn(config.directory),
): Promise<RunningProcess> {
  // The supervisor has checked it.
  const rules = config.market as MarketDefinition;
  const catalog = new Catalog(rules, files);
  await catalog.load();
  const listener = await listen(config.listen, config.cluster, ({ role }, back) => {
    if (role === "frontend") catalog.keepers.add(back);
    return { handle: catalog.handle, left: () => void catalog.keepers.delete(back) };
  });
  const ticking =
    rules.restock && setInterval(() => void catalog.restock(), rules.restock.everyTicks * 1_000);
  return {
    status: () => ({ rssBytes: process.memoryUsage.rss() }),
    stop: async () => {
      clearInterval(ticking);
      await listener.close();
    },
  };
}
