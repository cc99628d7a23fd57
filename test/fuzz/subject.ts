/** The market that is attacked, and what an attack must leave as it was: its processes, its sums, its size. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, dataOf } from "../processes/http.test-support.ts";
import { Market, type MarketOptions, type ProcessRow } from "../processes/market.test-support.ts";
import { itemNames } from "./heads.ts";

const plenty = 1_000_000_000;
/** Names that are one when folded come once; the last is of no item. */
const wares = itemNames
  .filter((name) => name !== "lamp" && name !== "Nothing")
  .map((name, i) => ({
    name,
    ...(i % 2 === 0 && { topic: "tools" }),
    priceMinor: 100 + i,
    quantity: name === "Rare" ? 3 : plenty,
  }));

export class Subject {
  readonly market: Market;
  readonly #directory: string;

  private constructor(market: Market, directory: string) {
    this.market = market;
    this.#directory = directory;
  }

  static async start(options: MarketOptions = {}): Promise<Subject> {
    const directory = mkdtempSync(join(tmpdir(), "bazaar-fuzz-"));
    try {
      const file = join(directory, "market.json");
      const definition = { name: "wares", resource: "wares", sides: ["buy", "sell"], items: wares };
      writeFileSync(file, JSON.stringify(definition));
      return new Subject(await Market.start({ ...options, words: ["--market", file] }), directory);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async get(path: string): Promise<Readonly<Record<string, unknown>>> {
    const answer = await call(`${this.market.url}${path}`);
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body) as Readonly<Record<string, unknown>>;
  }

  async close(): Promise<void> {
    await this.market.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The lives of all processes: the same before and after. */
export async function livesOf({ market }: Subject): Promise<readonly unknown[]> {
  const { processes } = await market.whole();
  return processes.map(({ name, pid, restarts }) => ({ name, pid, restarts }));
}

const mebibyte = 2 ** 20;

/** MiB of each process. */
export async function residentOf({ market }: Subject): Promise<ReadonlyMap<string, number>> {
  const { processes } = await market.status();
  const size = ({ rssBytes = 0 }: ProcessRow): number => Math.round(rssBytes / mebibyte);
  return new Map(processes.map((row) => [row.name, size(row)]));
}

interface ShownOrder {
  readonly number: number;
  readonly type: "buy" | "sell";
  readonly lines: readonly { readonly id: number; readonly quantity: number }[];
}

async function everyOrder(subject: Subject): Promise<ShownOrder[]> {
  const orders: ShownOrder[] = [];
  for (let before = ""; ; ) {
    const page = await subject.get(`/orders?limit=1000${before}`);
    orders.push(...(page.data as ShownOrder[]));
    if (page.next === undefined) return orders;
    before = `&before=${page.next}`;
  }
}

/** What clients were told happened. */
export class Ledger {
  readonly placed = new Set<number>();
  readonly added = new Set<number>();
  /** Orders and items that may have been added: their requests were not answered, or only with "unknown". */
  unknown = 0;

  /** The body of a 200 to a POST. */
  note(body: Buffer): void {
    const { data } = JSON.parse(body.toString()) as { readonly data?: unknown };
    for (const one of Array.isArray(data)
      ? (data as { readonly data?: unknown }[]).map((slot) => slot.data)
      : [data]) {
      if (typeof one !== "object" || one === null) continue;
      const { order_number: number, id } = one as Record<string, unknown>;
      if (typeof number === "number") this.placed.add(number);
      else if (typeof id === "number") this.added.add(id);
    }
  }

  /** What differs between what was told and what is there. */
  async differences(subject: Subject): Promise<string[]> {
    const found: string[] = [];
    const orders = await everyOrder(subject);
    const untold = orders.filter(({ number }) => !this.placed.has(number)).map(({ number }) => number);
    if (untold.length > this.unknown) {
      found.push(
        `${untold.length} orders of which nobody was told (${untold.slice(0, 9)}), ${this.unknown} unknown`,
      );
    }
    const lost = this.placed.size - (orders.length - untold.length);
    if (lost !== 0) found.push(`${lost} orders that were acknowledged are not there`);
    const net = new Map<number, number>();
    for (const { type, lines } of orders) {
      for (const { id, quantity } of lines) {
        net.set(id, (net.get(id) ?? 0) + (type === "sell" ? quantity : -quantity));
      }
    }
    for (const [i, { name, quantity }] of wares.entries()) {
      const shown = dataOf(await call(`${subject.market.url}/wares/${i + 1}`)).quantity;
      const expected = quantity + (net.get(i + 1) ?? 0);
      if (shown !== expected) found.push(`${name}: ${shown} are left, its orders leave ${expected}`);
    }
    const check = await subject.market.differences("--deep");
    return check === "" ? found : [...found, check];
  }
}
