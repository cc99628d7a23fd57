/**
 * One shopper: its rounds, its memory of its own orders, and their verification. Every answer is timed, recorded and
 * compared with what was seen before.
 */
import type { BazaarClient } from "../client/client.ts";
import type { ClockNs } from "../client/clock.ts";
import { ClientFailure } from "../client/failure.ts";
import type { Item, ReplyFacts, Side } from "../client/types.ts";
import type { Choices } from "./choices.ts";
import type { ShopOptions } from "./options.ts";
import type { RecordedOperation, Recorder } from "./recorder.ts";
import type { Tally } from "./tally.ts";
import { compareOrders, compareWithWish, type OwnOrder } from "./verify.ts";

/** Own orders remembered; beyond it the oldest is verified early and forgotten. */
const ownOrdersMax = 100_000;
/** One order in so many is verified at once. */
const sampleEvery = 16;
/** Orders that a shopper places before it only queries. */
const queryPrelude = 10;

/** What the shoppers of one shop share. */
export interface Shop {
  readonly options: ShopOptions;
  readonly client: BazaarClient;
  readonly tally: Tally;
  readonly clock: ClockNs;
  readonly recorder: Recorder | undefined;
  readonly newKey: () => string;
  /** The highest position of each item that a finished operation showed. */
  readonly seen: Map<string, number>;
  /** The market was found to have only this side. */
  oneSide: Side | undefined;
}

export class Shopper {
  readonly #shop: Shop;
  readonly #number: number;
  readonly #choices: Choices;
  /** A ring from `#oldest`; verified and dropped from the front. */
  readonly #own: OwnOrder[] = [];

  constructor(shop: Shop, number: number, choices: Choices) {
    this.#shop = shop;
    this.#number = number;
    this.#choices = choices;
  }

  /** What is done once, before the rounds. */
  async prepare(): Promise<void> {
    if (this.#shop.options.mode !== "query") return;
    for (let i = 0; i < queryPrelude; i++) await this.#order(this.#choices.item());
  }

  /** One round. A failure is counted, never thrown: the shopper goes on as a user would. */
  async round(): Promise<void> {
    const { options, tally } = this.#shop;
    const name = this.#choices.item();
    switch (options.mode) {
      case "session": {
        const item = await this.#read(name);
        const wants = this.#choices.chance(options.p);
        if (item !== undefined && item.quantity > 0 && wants) await this.#order(name);
        break;
      }
      case "mixed":
        if (this.#choices.chance(options.p)) await this.#order(name);
        else await this.#read(name);
        break;
      case "lookup":
        await this.#read(name);
        break;
      case "order":
        await this.#order(name);
        break;
      case "query": {
        const own = this.#own[this.#choices.below(Math.max(1, this.#own.length))];
        if (own === undefined) await this.#order(name);
        else await this.#verify(own);
        break;
      }
    }
    tally.rounds++;
  }

  /** Before leaving: every own order must be what it was said to be. */
  async verifyAll(): Promise<void> {
    for (const own of this.#own) await this.#verify(own);
    this.#own.length = 0;
  }

  async #read(name: string): Promise<Item | undefined> {
    const { client, tally, clock, seen } = this.#shop;
    const floor = seen.get(name) ?? 0;
    const start = clock();
    const result = await this.#attempt(() => client.item(name));
    if (result === undefined) return undefined;
    const { facts } = result;
    tally.latencies.read.record(facts.endNs - facts.startNs);
    const item = result.kind === "found" ? result.item : undefined;
    await this.#record(
      {
        op: "read",
        item: name,
        value: item && { quantity: item.quantity, volume: item.volume, priceMinor: item.priceMinor },
      },
      facts,
      start,
    );
    if (item === undefined) {
      this.#mismatch("wrong-answer", `the listed item ${name} is not found`, name, undefined);
      return undefined;
    }
    if (facts.position !== undefined && facts.position < floor) {
      this.#mismatch(
        "backward-read",
        `${name} is shown at an older position than before`,
        floor,
        facts.position,
      );
    }
    this.#saw(name, facts);
    return item;
  }

  async #order(name: string): Promise<void> {
    const { client, tally, clock, newKey } = this.#shop;
    const wish = { name, quantity: this.#choices.quantity(), type: this.#choices.side() };
    const sampled = this.#choices.chance(1 / sampleEvery);
    const asked = {
      op: "order",
      item: name,
      side: wish.type,
      quantity: wish.quantity,
      key: newKey(),
    } as const;
    const start = clock();
    tally.ordersInFlight++;
    const result = await this.#attempt(
      () => client.order(wish, asked.key),
      (failure) => {
        if (!failure.definite) tally.unknown++;
        return this.#recordFailed(asked, failure, start);
      },
    ).finally(() => tally.ordersInFlight--);
    if (result === undefined) return;
    const { facts } = result;
    tally.latencies.order.record(facts.endNs - facts.startNs);
    if (result.kind === "refused") {
      this.#refused(result.reason, wish.type);
      const value = result.available === undefined ? undefined : { quantity: result.available };
      await this.#record({ ...asked, value, reason: result.reason }, facts, start);
      return;
    }
    const { order } = result;
    tally.placedAt(facts.endNs);
    if (facts.replayed) tally.replayed++;
    for (const { fact, expected, got } of compareWithWish(wish, result)) {
      this.#mismatch("wrong-answer", `order ${order.number}: ${fact}`, expected, got, order.number);
    }
    await this.#record(
      { ...asked, number: order.number, value: { priceMinor: order.lines[0]?.priceMinor } },
      facts,
      start,
    );
    this.#saw(name, facts);
    await this.#remember({ order, position: facts.position, key: asked.key }, sampled);
  }

  async #remember(own: OwnOrder, sampled: boolean): Promise<void> {
    const { mode, verify } = this.#shop.options;
    if (sampled) await this.#verify(own);
    if (verify === "sample" && mode !== "query") return;
    this.#own.push(own);
    if (this.#own.length > ownOrdersMax) {
      const oldest = this.#own.splice(0, ownOrdersMax / 10);
      for (const early of oldest) await this.#verify(early);
    }
  }

  #refused(reason: string, side: Side): void {
    this.#shop.tally.refused(reason);
    if (reason === "side-not-allowed") this.#shop.oneSide = side === "buy" ? "sell" : "buy";
  }

  async #verify(own: OwnOrder): Promise<void> {
    const { client, tally, clock } = this.#shop;
    const { number } = own.order;
    const start = clock();
    const result = await this.#attempt(() => client.orderByNumber(number));
    if (result === undefined) return;
    tally.latencies.query.record(result.facts.endNs - result.facts.startNs);
    tally.verified++;
    if (result.kind === "missing") {
      this.#mismatch("own-order", `order ${number} is lost`, own.order, undefined, number);
      await this.#record({ op: "query", number }, result.facts, start);
      return;
    }
    const { order, facts } = result;
    const line = order.lines[0];
    await this.#record(
      {
        op: "query",
        number,
        item: line?.name,
        side: order.side,
        quantity: line?.quantity,
        value: { priceMinor: line?.priceMinor },
      },
      facts,
      start,
    );
    for (const { fact, expected, got } of compareOrders(own.order, order)) {
      this.#mismatch("own-order", `order ${number}: ${fact}`, expected, got, number);
    }
    if (own.position !== undefined && facts.position !== undefined && own.position !== facts.position) {
      this.#mismatch("own-order", `order ${number}: position`, own.position, facts.position, number);
    }
  }

  /** The answer; `undefined` after a failure, which is counted. */
  async #attempt<T>(
    call: () => Promise<T>,
    failed?: (failure: ClientFailure) => Promise<void>,
  ): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ClientFailure)) throw error;
      this.#shop.tally.error(`client ${this.#number}: ${error.message}`);
      await failed?.(error);
      return undefined;
    }
  }

  #saw(name: string, { position }: ReplyFacts): void {
    const { seen } = this.#shop;
    if (position !== undefined && position > (seen.get(name) ?? 0)) seen.set(name, position);
  }

  #mismatch(
    what: "own-order" | "backward-read" | "wrong-answer",
    message: string,
    expected: unknown,
    got: unknown,
    orderNumber?: number,
  ): void {
    const order = orderNumber === undefined ? {} : { orderNumber };
    this.#shop.tally.mismatch({ client: this.#number, what, message, expected, got, ...order });
  }

  /** `start` is this shopper's own, before the call; the end is that of the answer. */
  async #record(
    what: Omit<RecordedOperation, "client" | "start" | "end" | "status" | "position" | "value"> & {
      readonly value?: RecordedOperation["value"] | undefined;
    },
    facts: ReplyFacts,
    start: number,
  ): Promise<void> {
    const { recorder } = this.#shop;
    if (recorder === undefined) return;
    const { value, ...rest } = what;
    await recorder.add({
      client: this.#number,
      ...rest,
      start,
      end: facts.endNs,
      status: facts.status,
      position: facts.position,
      ...(value === undefined ? {} : { value }),
    });
  }

  /** An order without an answer: it may have happened, unless the failure is definite. */
  async #recordFailed(
    asked: Pick<RecordedOperation, "op" | "item" | "side" | "quantity" | "key">,
    failure: ClientFailure,
    start: number,
  ): Promise<void> {
    const { recorder, clock } = this.#shop;
    if (recorder === undefined || failure.definite) return;
    await recorder.add({ client: this.#number, ...asked, start, end: clock(), status: null });
  }
}
