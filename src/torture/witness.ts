/**
 * Asks front-ends at their own ports and records what they answer, each operation with its begin and end, as a history
 * (src/check/history.ts). What is left open, by a lost connection or a front-end that stands still, is asked for again
 * at the next front-end, an order under the same key.
 */
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { present } from "../base/assert.ts";
import { BazaarClient } from "../client/client.ts";
import { monotonicNs } from "../client/clock.ts";
import { ClientFailure } from "../client/failure.ts";
import { parseBody, parseItem, parseItems } from "../client/parse.ts";
import type { Item, Order, ReplyFacts, Side } from "../client/types.ts";
import { type RecordedOperation, Recorder } from "../shopper/recorder.ts";
import type { PipelinedAnswer } from "./pipelined-reader.ts";

/** An order goes to the next front-end when this one has been silent for so long. */
const orderAttemptMs = 1_000;
const orderDeadlineMs = 1_500;
const orderGivenUpMs = 60_000;
/** Reads stay where they are: those that a paused front-end finds when it wakes up are the interesting ones. */
const readAttemptMs = 5_000;
const readDeadlineMs = 20_000;
const errorsTold = 20;

export interface WitnessOptions {
  /** Where each front-end is reached, without the public port; one at least. */
  readonly urls: readonly string[];
  readonly resource: string;
  /** Where the history is written. */
  readonly file: string;
  /** Of the next order. */
  readonly nextNumber: number;
  /** A read without an answer for so long is an error; 20 s if not given. */
  readonly readDeadlineMs?: number;
}

/** One front-end, by its own port. */
export class Door {
  readonly orders: BazaarClient;
  readonly reads: BazaarClient;
  readonly port: number;
  readonly caches = new Map<string, number>();
  readonly #resource: string;

  constructor(url: string, resource: string, deadlineMs: number) {
    this.port = Number(new URL(url).port);
    this.#resource = resource;
    this.orders = new BazaarClient({
      url,
      resource,
      connections: 256,
      attemptTimeoutMs: orderAttemptMs,
      deadlineMs: orderDeadlineMs,
    });
    this.reads = new BazaarClient({
      url,
      resource,
      connections: 256,
      attemptTimeoutMs: readAttemptMs,
      deadlineMs,
    });
  }

  itemPath(name: string): string {
    return `/${this.#resource}/${encodeURIComponent(name)}`;
  }

  listPath(topic: string): string {
    return `/${this.#resource}?topic=${encodeURIComponent(topic)}`;
  }

  close(): void {
    this.orders.close();
    this.reads.close();
  }
}

export interface Wish {
  readonly name: string;
  readonly quantity: number;
  readonly type: Side;
}

export interface Shown {
  readonly position: number;
  readonly quantity: number;
}

export interface PlacedOrder {
  readonly number: number;
  readonly position: number;
}

const stateOf = ({ quantity, volume, priceMinor }: Item) => ({ quantity, volume, priceMinor });

function queried(order: Order): Pick<RecordedOperation, "item" | "side" | "quantity" | "value"> {
  const line = order.lines[0];
  const value = { priceMinor: line?.priceMinor };
  return { item: line?.name, side: order.side, quantity: line?.quantity, value };
}

export class Witness {
  /** One at least. */
  readonly doors: readonly Door[];
  readonly #recorder: Recorder;
  /** When orders were answered, refusals too; nanoseconds. */
  readonly answered: number[] = [];
  readonly placed: number[] = [];
  readonly errors: string[] = [];
  errorsTotal = 0;
  refused = 0;
  reads = 0;
  lists = 0;
  queries = 0;
  /** Orders that were asked for again at the next front-end. */
  resent = 0;
  replayed = 0;
  /** Of the orders that are recorded. */
  readonly firstNumber: number;
  #nextNumber: number;
  #ended = false;

  private constructor(doors: readonly Door[], recorder: Recorder, nextNumber: number) {
    this.doors = doors;
    this.firstNumber = nextNumber;
    this.#nextNumber = nextNumber;
    this.#recorder = recorder;
  }

  /** Nobody else may change anything from now on. */
  static async begin(options: WitnessOptions): Promise<Witness> {
    const { urls, resource, file, nextNumber, readDeadlineMs: deadlineMs = readDeadlineMs } = options;
    const doors = urls.map((url) => new Door(url, resource, deadlineMs));
    try {
      const items = await present(doors[0], "a front-end").reads.allItems();
      const initial = items.map((item) => ({ item: item.name, ...stateOf(item) }));
      return new Witness(doors, await Recorder.create(file, { complete: true, initial }), nextNumber);
    } catch (error) {
      for (const door of doors) door.close();
      throw error;
    }
  }

  /** The number that the next order will have, as far as is known. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  async item(client: number, door: Door, name: string): Promise<Shown | undefined> {
    const start = monotonicNs();
    const result = await this.#attempt(() => door.reads.item(name));
    if (result === undefined) return undefined;
    this.reads++;
    this.#count(door, result.facts);
    const found = result.kind === "found" ? result.item : undefined;
    if (found === undefined) this.error(`${name} was not found`);
    const value = found && stateOf(found);
    await this.#record({ client, op: "read", item: name, ...(value && { value }) }, start, result.facts);
    if (found === undefined) return undefined;
    return { position: result.facts.position ?? 0, quantity: found.quantity };
  }

  /** The first page of a topic, or of all. */
  async list(client: number, door: Door, topic: string | undefined): Promise<void> {
    const start = monotonicNs();
    const result = await this.#attempt(() => door.reads.items(topic === undefined ? {} : { topic }));
    if (result === undefined) return;
    this.lists++;
    this.#count(door, result.facts);
    const rows = result.items.map((item) => ({ item: item.name, ...stateOf(item) }));
    await this.#record({ client, op: "list", rows }, start, result.facts);
  }

  /** A read that was not waited for. One that could not be answered in time says so: it is no error, and shows nothing. */
  pipelined(client: number, door: Door, answer: PipelinedAnswer): Promise<void> | undefined {
    const { start, end, status, position, cache, body } = answer;
    if (status === 503) return undefined;
    if (status !== 200) throw new Error(`${answer.path} was answered ${status}: ${body}`);
    this.#count(door, { cache });
    const at = { client, start, end, status, position };
    const { data } = parseBody(body);
    if (Array.isArray(data)) {
      this.lists++;
      const rows = parseItems(data).map((item) => ({ item: item.name, ...stateOf(item) }));
      return this.#recorder.add({ ...at, op: "list", rows });
    }
    this.reads++;
    const item = parseItem(data);
    return this.#recorder.add({ ...at, op: "read", item: item.name, value: stateOf(item) });
  }

  /** Whether the order was found. */
  async query(client: number, door: Door, number: number): Promise<boolean> {
    const start = monotonicNs();
    const result = await this.#attempt(() => door.reads.orderByNumber(number));
    if (result === undefined) return false;
    this.queries++;
    const found = result.kind === "found" ? queried(result.order) : {};
    await this.#record({ client, op: "query", number, ...found }, start, result.facts);
    return result.kind === "found";
  }

  /** Place it, first at this door; `undefined`: it was refused, or (an error) not answered. */
  async order(client: number, door: Door, wish: Wish): Promise<PlacedOrder | undefined> {
    const { name: item, quantity, type: side } = wish;
    const asked = {
      client,
      op: "order",
      item,
      side,
      quantity,
      key: randomBytes(16).toString("hex"),
    } as const;
    const began = monotonicNs();
    for (let at = door; ; at = this.other(at)) {
      const start = monotonicNs();
      try {
        const result = await at.orders.order(wish, asked.key);
        this.answered.push(result.facts.endNs);
        if (result.facts.replayed) this.replayed++;
        if (result.kind === "refused") {
          this.refused++;
          const value = result.available === undefined ? {} : { value: { quantity: result.available } };
          await this.#record({ ...asked, ...value, reason: result.reason }, start, result.facts);
          return undefined;
        }
        const { number, lines } = result.order;
        this.#nextNumber = Math.max(this.#nextNumber, number + 1);
        this.placed.push(number);
        const value = { priceMinor: lines[0]?.priceMinor };
        await this.#record({ ...asked, number, value }, start, result.facts);
        return { number, position: result.facts.position ?? 0 };
      } catch (error) {
        if (!(error instanceof ClientFailure)) throw error;
        if (!error.definite) await this.#recorder.add({ ...asked, start, end: monotonicNs(), status: null });
        const isOpen = error.code === "unreachable" || error.code === "outcome-unknown";
        if (!isOpen || monotonicNs() - began > orderGivenUpMs * 1e6) {
          this.error(error.message);
          return undefined;
        }
        this.resent++;
      }
    }
  }

  /** The next front-end; the same if there is only one. */
  other(door: Door): Door {
    return present(this.doors[(this.doors.indexOf(door) + 1) % this.doors.length], "a front-end");
  }

  /** What somebody else has read while this history was written. */
  add(operation: RecordedOperation): Promise<void> | undefined {
    return this.#recorder.add(operation);
  }

  error(message: string): void {
    if (this.#ended) return;
    this.errorsTotal++;
    if (this.errors.length < errorsTold) this.errors.push(message);
  }

  /** Complete the file; the connections end, and what is open yet is recorded as such. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const door of this.doors) door.close();
    await setImmediate();
    await this.#recorder.close();
  }

  #count({ caches }: Door, { cache = "none" }: Pick<ReplyFacts, "cache">): void {
    caches.set(cache, (caches.get(cache) ?? 0) + 1);
  }

  async #attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ClientFailure)) throw error;
      this.error(error.message);
      return undefined;
    }
  }

  #record(
    what: Omit<RecordedOperation, "start" | "end" | "status">,
    start: number,
    { endNs: end, status, position }: ReplyFacts,
  ): Promise<void> | undefined {
    return this.#recorder.add({ ...what, start, end, status, position });
  }
}
