/**
 * Many at once at several front-ends, until they are told to stop:
 *
 * - *writers* order, and at times ask the other front-end for what was just ordered;
 * - *readers* ask one front-end and then the other for items, hot and cold, for lists and for orders;
 * - *couriers* read an item at one front-end until it shows something new, which may be before the order that made it
 *   was answered, and at once ask the other for the same item and a list with it; or look for the next order until one
 *   front-end finds it, and at once at the other;
 * - the *restless* read without waiting for answers (pipelined-reader.ts), so that a front-end that stood still finds
 *   reads of all ages, some of them ahead of what the leader has said meanwhile.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { present } from "../base/assert.ts";
import { integerBetween, type Random, seededRandom } from "../base/random.ts";
import { monotonicNs } from "../client/clock.ts";
import { Pacer } from "../shopper/pacer.ts";
import { PipelinedReader } from "./pipelined-reader.ts";
import { hotNames, names, topicOf, topics } from "./wares.ts";
import type { Door, Witness } from "./witness.ts";

export interface CrowdOptions {
  /** Of each kind at each front-end. */
  readonly writers: number;
  readonly readers: number;
  readonly couriers: number;
  /** Orders a second of all writers; `undefined`: as fast as they are answered. */
  readonly rate?: number;
  /** Rounds a second of all readers. */
  readonly readRate?: number;
  /** The restless ask so often, each; 0: there are none. */
  readonly restlessEveryMs: number;
  /** What everybody chooses is drawn from it; 0 if not given. */
  readonly seed?: number;
}

const clientsOfAKind = 1_000;
/** At each front-end. */
const restless = 3;
const restlessListShare = 0.05;
/** A courier looks for something new for so long, and so often. */
const courierPatienceNs = 2e9;
const courierEveryMs = 2;
const hotShare = 0.7;
const verifiers = 32;

/** One who goes on until the crowd stops. */
interface Walker {
  readonly client: number;
  readonly door: Door;
  readonly random: Random;
}

export class Crowd {
  readonly #witness: Witness;
  readonly #seed: number;
  readonly #stopping = new AbortController();
  readonly #walks: Promise<void>[] = [];
  readonly #pipelined: PipelinedReader[] = [];
  readonly #unawaited = new Set<Promise<unknown>>();
  /** What nobody has foreseen: it ends the crowd, and `progress` and `stop` tell it. */
  #failure: unknown;
  deliveries = 0;
  /** Of them: by the number of an order that nobody had been told yet, as far as is known. */
  orderDeliveries = 0;
  restlessReads = 0;

  constructor(witness: Witness, options: CrowdOptions) {
    const { writers, readers, couriers, rate, readRate, restlessEveryMs } = options;
    this.#witness = witness;
    this.#seed = options.seed ?? 0;
    const orders = rate === undefined ? undefined : new Pacer(rate, monotonicNs);
    const reads = readRate === undefined ? undefined : new Pacer(readRate, monotonicNs);
    this.#walk(0, writers, orders, (walker) => this.#write(walker));
    this.#walk(1, readers, reads, (walker) => this.#read(walker));
    this.#walk(2, couriers, undefined, (walker) => this.#carry(walker));
    if (restlessEveryMs > 0) {
      for (let i = 0; i < restless * witness.doors.length; i++) this.#rush(i, restlessEveryMs);
    }
  }

  /** Everybody leaves; then every order that was placed is asked for once more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const reader of this.#pipelined) reader.close();
    await Promise.all([...this.#walks, ...this.#unawaited]);
    if (this.#failure !== undefined) throw this.#failure;
    const { placed, doors } = this.#witness;
    let next = 0;
    const verify = async (client: number): Promise<void> => {
      while (next < placed.length) {
        const number = present(placed[next], "a number");
        await this.#witness.query(client, present(doors[next++ % doors.length], "a front-end"), number);
      }
    };
    await Promise.all(Array.from({ length: verifiers }, (_, i) => verify(4 * clientsOfAKind + i)));
    for (const door of doors) await this.#witness.list(0, door, undefined);
  }

  /** Nothing is waited for: the market is about to end. */
  abandon(): void {
    this.#stopping.abort();
    for (const reader of this.#pipelined) reader.close();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#stopping.abort();
  }

  #walk(
    kind: number,
    count: number,
    pacer: Pacer | undefined,
    step: (walker: Walker) => Promise<void>,
  ): void {
    const { signal } = this.#stopping;
    this.#witness.doors.forEach((door, i) => {
      for (let n = 0; n < count; n++) {
        const client = kind * clientsOfAKind + n * this.#witness.doors.length + i;
        const walker = { client, door, random: this.#randomOf(client) };
        const walk = async (): Promise<void> => {
          while (!signal.aborted) {
            // The wait ends early only because the crowd stops.
            await pacer?.take(signal).catch(() => undefined);
            if (!signal.aborted) await step(walker);
          }
        };
        this.#walks.push(walk().catch((error: unknown) => this.#fail(error)));
      }
    });
  }

  #randomOf(client: number): Random {
    return seededRandom((this.#seed % 2 ** 20) * 2 ** 32 + client);
  }

  #name(random: Random): string {
    const from = random() < hotShare ? hotNames : names;
    return present(from[integerBetween(random, 0, from.length - 1)], "a name");
  }

  async #write({ client, door, random }: Walker): Promise<void> {
    const name = this.#name(random);
    const type = random() < 0.55 ? "buy" : "sell";
    const placed = await this.#witness.order(client, door, {
      name,
      quantity: integerBetween(random, 1, 10),
      type,
    });
    const dice = random();
    if (placed === undefined || dice > 0.1) return;
    // Not waited for: if the other front-end stands still, this one's orders must go on.
    const other = this.#witness.other(door);
    if (dice < 0.05) this.#leave(this.#witness.query(client, other, placed.number));
    else this.#leave(this.#witness.item(client, other, name));
  }

  async #read({ client, door, random }: Walker): Promise<void> {
    const witness = this.#witness;
    const other = witness.other(door);
    const dice = random();
    if (dice < 0.04) {
      const topic = random() < 0.8 ? topics[integerBetween(random, 0, topics.length - 1)] : undefined;
      await witness.list(client, door, topic);
      await witness.list(client, other, topic);
    } else if (dice < 0.1) {
      const number = Math.max(witness.firstNumber, witness.nextNumber - integerBetween(random, 0, 50));
      await witness.query(client, door, number);
      await witness.query(client, other, number);
    } else {
      const name = this.#name(random);
      await witness.item(client, door, name);
      await witness.item(client, other, name);
    }
  }

  async #carry({ client, door, random }: Walker): Promise<void> {
    const [from, to] = random() < 0.5 ? [door, this.#witness.other(door)] : [this.#witness.other(door), door];
    if (random() < 0.1) await this.#carryOrder(client, from, to);
    else await this.#carryItem(client, from, to, this.#name(random), random() < 0.8);
  }

  async #carryItem(client: number, from: Door, to: Door, name: string, narrow: boolean): Promise<void> {
    const witness = this.#witness;
    const before = await witness.item(client, from, name);
    const until = monotonicNs() + courierPatienceNs;
    while (monotonicNs() < until && !this.#stopping.signal.aborted) {
      const now = await witness.item(client, from, name);
      if (now === undefined || before === undefined) return;
      if (now.position === before.position && now.quantity === before.quantity) {
        await sleep(courierEveryMs);
        continue;
      }
      this.deliveries++;
      const topic = narrow ? topicOf(name) : undefined;
      await Promise.all([witness.item(client, to, name), witness.list(client, to, topic)]);
      return;
    }
  }

  async #carryOrder(client: number, from: Door, to: Door): Promise<void> {
    const witness = this.#witness;
    const number = witness.nextNumber;
    const until = monotonicNs() + courierPatienceNs;
    while (monotonicNs() < until && !this.#stopping.signal.aborted) {
      if (!(await witness.query(client, from, number))) {
        await sleep(courierEveryMs);
        continue;
      }
      this.orderDeliveries++;
      await witness.query(client, to, number);
      return;
    }
  }

  #rush(number: number, everyMs: number): void {
    const witness = this.#witness;
    const client = 3 * clientsOfAKind + number;
    const random = this.#randomOf(client);
    const door = present(witness.doors[number % witness.doors.length], "a front-end");
    const path = (): string => {
      const name = this.#name(random);
      return random() < restlessListShare ? door.listPath(topicOf(name)) : door.itemPath(name);
    };
    const reader = new PipelinedReader(door.port, everyMs, path, (answer) => {
      this.restlessReads++;
      this.#leave(witness.pipelined(client, door, answer));
    });
    this.#pipelined.push(reader);
  }

  /** Go on without the answer. */
  #leave(read: Promise<unknown> | undefined): void {
    if (read === undefined) return;
    const left: Promise<unknown> = read
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#unawaited.delete(left));
    this.#unawaited.add(left);
  }

  /** Wait until so many more orders were answered. */
  async progress(orders: number, withinMs = 60_000): Promise<void> {
    const { answered } = this.#witness;
    const target = answered.length + orders;
    const until = performance.now() + withinMs;
    while (answered.length < target) {
      if (this.#failure !== undefined) throw this.#failure;
      if (performance.now() > until) throw new Error(`waited in vain for ${orders} more orders`);
      await sleep(5);
    }
  }
}
