/**
 * One order of a shopper's, tried until it is answered. Under a key of his own, or under that which the front-end gives
 * it; some he asks for again although he has the answer, and must get the same one; some he lets be when he is told that
 * they certainly did not happen, and then they must not have.
 */
import { assert, present } from "../base/assert.ts";
import type { Operation } from "../check/history.ts";
import { parseBody, parseOrder, parseRefusal } from "../client/parse.ts";
import type { Outcome, Request } from "./http.ts";
import type { Machine } from "./machine.ts";
import type { Schedule } from "./schedule.ts";
import type { Sometimes } from "./sometimes.ts";

export type Reply = Extract<Outcome, { kind: "reply" }>;

export interface Wish {
  readonly item: string;
  readonly side: "buy" | "sell";
  readonly quantity: number;
}

export interface ErrandHost {
  readonly schedule: Schedule;
  readonly sometimes: Sometimes;
  readonly machine: Machine;
  /** The front-ends' ports. */
  readonly ports: readonly number[];
  /** Hands a request over; `done` is called with what came of it, once. */
  attempt(port: number, request: Request, done: (outcome: Outcome) => void): void;
  /** An order is under way, or no more. */
  underWay(change: 1 | -1): void;
  record(operation: Operation): void;
  /** The number of an order that was placed; undefined if it was refused. */
  answered(number: number | undefined): void;
}

export interface ErrandOptions {
  readonly client: number;
  readonly wish: Wish;
  /** None: the front-end gives it one, which is known when it has answered. */
  readonly key: string | undefined;
  /** Called when it is answered, after which nothing more comes of it. Without it the shopper may do as he likes. */
  readonly answered?: () => void;
}

const givenUpMs = 60_000;
const retryMs = 300;
const askedAgainMs = 2_000;
const letBeChance = 0.3;
const askedAgainChance = 0.08;

export function positionOf({ headers }: Reply): number {
  const position = Number(headers.get("bazaar-position") ?? Number.NaN);
  assert(Number.isSafeInteger(position), "a reply has its position");
  return position;
}

export class Errand {
  readonly #host: ErrandHost;
  readonly #options: ErrandOptions;
  readonly #began: number;
  #key: string | undefined;
  /** An attempt ended without an answer. */
  #mayHaveHappened = false;

  constructor(host: ErrandHost, options: ErrandOptions) {
    this.#host = host;
    this.#options = options;
    this.#key = options.key;
    this.#began = host.schedule.now;
  }

  try(port: number): void {
    const start = this.#nowNs;
    this.#send(port, this.#options.wish.quantity, (outcome) => this.#ended(outcome, start));
  }

  get #nowNs(): number {
    return Math.floor(this.#host.schedule.now * 1e6);
  }

  #send(port: number, quantity: number, ended: (outcome: Outcome) => void): void {
    const { item: name, side: type } = this.#options.wish;
    const request: Request = {
      method: "POST",
      url: "/orders",
      headers: {
        "content-type": "application/json",
        ...(this.#key !== undefined && { "idempotency-key": this.#key }),
      },
      body: JSON.stringify({ name, quantity, type }),
    };
    this.#host.underWay(1);
    this.#host.attempt(port, request, (outcome) => {
      this.#host.underWay(-1);
      ended(outcome);
    });
  }

  #ended(outcome: Outcome, start: number): void {
    const { schedule, sometimes } = this.#host;
    if (outcome.kind === "refused") return this.#later();
    if (outcome.kind === "lost") return this.#unknown(start);
    const { status } = outcome;
    if (status === 504) {
      sometimes.saw("an order's outcome was unknown");
      this.#key ??= present(outcome.headers.get("idempotency-key"), "a key of what may have happened");
      return this.#unknown(start);
    }
    if (status === 503) {
      sometimes.saw("an order was refused for want of a leader");
      const { answered } = this.#options;
      if (answered !== undefined || this.#mayHaveHappened || !schedule.chance(letBeChance))
        return this.#later();
      sometimes.saw("an order that certainly had not happened was let be");
      return;
    }
    this.#answered(outcome, start);
  }

  #unknown(start: number): void {
    this.#host.sometimes.saw("an order was not answered");
    this.#host.record({ ...this.#asked, start, end: null, status: null, position: null });
    // Nobody but its key can tell what became of it.
    if (this.#key === undefined) return;
    this.#mayHaveHappened = true;
    this.#later();
  }

  get #asked(): Pick<Operation, "client" | "op" | "item" | "side" | "quantity" | "key"> {
    const { client, wish } = this.#options;
    return { client, op: "order", ...wish, ...(this.#key !== undefined && { key: this.#key }) };
  }

  #later(): void {
    const { schedule, sometimes, machine, ports } = this.#host;
    if (schedule.now - this.#began > givenUpMs) return;
    sometimes.saw("an order was sent again under its key");
    schedule.for(machine, schedule.random() * retryMs, "timer", () => this.try(schedule.pick(ports)));
  }

  #answered(reply: Reply, start: number): void {
    const { schedule, sometimes, ports, machine } = this.#host;
    if (this.#options.key === undefined) sometimes.saw("an order without a key was answered");
    this.#key ??= reply.headers.get("idempotency-key");
    this.#host.answered(this.#recorded(reply, start));
    this.#options.answered?.();
    // What the front-end gave a key to may be forgotten as soon as it is answered.
    if (this.#options.key === undefined || !schedule.chance(askedAgainChance)) return;
    schedule.for(machine, schedule.random() * askedAgainMs, "timer", () => {
      if (schedule.chance(0.3)) this.#askForAnother(schedule.pick(ports));
      else this.#askAgain(schedule.pick(ports));
    });
  }

  #askAgain(port: number): void {
    const start = this.#nowNs;
    this.#send(port, this.#options.wish.quantity, (outcome) => {
      if (outcome.kind !== "reply" || outcome.status >= 500) return;
      this.#host.sometimes.saw("an order was asked for again after its answer");
      this.#recorded(outcome, start);
    });
  }

  /** The same key with another body. */
  #askForAnother(port: number): void {
    this.#send(port, this.#options.wish.quantity + 1, (outcome) => {
      if (outcome.kind !== "reply" || outcome.status >= 500) return;
      this.#host.sometimes.saw("a key was used for another order, and refused");
      const { status, body } = outcome;
      assert(status === 422, () => `another order under the key ${this.#key} was answered ${status} ${body}`);
    });
  }

  /** The order's number, if it was placed. */
  #recorded(reply: Reply, start: number): number | undefined {
    const { sometimes } = this.#host;
    const { status, body, headers } = reply;
    const asked = { ...this.#asked, start, end: this.#nowNs, status };
    if (status === 200) {
      const order = parseOrder(parseBody(body).data);
      if (headers.get("idempotent-replayed") === "true") sometimes.saw("an answer was replayed");
      const value = { priceMinor: present(order.lines[0], "a line").priceMinor };
      this.#host.record({ ...asked, position: positionOf(reply), number: order.number, value });
      return order.number;
    }
    assert(status === 409, () => `an order was answered ${status} ${body}`);
    sometimes.saw("an order was refused by the market");
    const { reason, available } = parseRefusal(parseBody(body).error, status);
    const value = available === undefined ? {} : { value: { quantity: available } };
    const position = headers.has("bazaar-position") ? positionOf(reply) : null;
    this.#host.record({ ...asked, position, reason, ...value });
    return undefined;
  }
}
