/**
 * Those who order and those who look, through any front-end, and what each was told, with its begin and end, as a
 * history (check/history.ts). *Couriers* look through one front-end until a value has changed, and then at once
 * through all others: who carries news there is faster than any reply to the order.
 */
import { assert, present } from "../base/assert.ts";
import type { Operation } from "../check/history.ts";
import { parseBody, parseItem, parseItems, parseOrder } from "../client/parse.ts";
import type { Item, Order } from "../client/types.ts";
import { Errand, type ErrandHost, positionOf, type Reply, type Wish } from "./errand.ts";
import { type Outcome, type Request, send } from "./http.ts";
import { Machine } from "./machine.ts";
import type { Schedule } from "./schedule.ts";
import type { Sometimes } from "./sometimes.ts";

/** Whoever hears nothing for so long gives an attempt up: some long before a front-end does. */
const attemptsMs = [60, 400, 3_000, 11_000, 11_000] as const;
const ordersUnderWayMax = 200;

export interface ShoppersOptions {
  readonly schedule: Schedule;
  readonly sometimes: Sometimes;
  readonly resource: string;
  readonly items: readonly string[];
  /** The front-ends' ports. */
  readonly ports: readonly number[];
  /** A shopper was told of his order. */
  readonly onAnswered?: () => void;
}

const stateOf = ({ quantity, volume, priceMinor }: Item) => ({ quantity, volume, priceMinor });

export class Shoppers {
  readonly machine: Machine;
  readonly #options: ShoppersOptions;
  readonly #errands: ErrandHost;
  /** In the order in which they ended. */
  readonly history: Operation[] = [];
  /** When orders were answered, true milliseconds. */
  readonly answeredAt: number[] = [];
  /** Not yet answered, and still tried. */
  openOrders = 0;
  #lastKey = 0;
  #lastClient = 0;
  #nextNumber = 0;
  #stopped = false;

  constructor(options: ShoppersOptions) {
    this.#options = options;
    this.machine = new Machine(options.schedule, { name: "shoppers" });
    this.machine.begin();
    const { schedule, sometimes, ports } = options;
    this.#errands = {
      schedule,
      sometimes,
      ports,
      machine: this.machine,
      attempt: (port, request, done) => this.#attempt(port, request, done),
      underWay: (change) => {
        this.openOrders += change;
      },
      record: (operation) => void this.history.push(operation),
      answered: (number) => {
        this.answeredAt.push(schedule.now);
        options.onAnswered?.();
        if (number !== undefined) this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      },
    };
  }

  /** The number that the next order will have, as far as anyone was told. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  start(): void {
    const { schedule } = this.#options;
    const everyMs = schedule.pick([100, 250, 600]);
    const lookMs = schedule.pick([15, 50, 125, 300]);
    for (let i = schedule.between(1, 3); i > 0; i--) {
      const client = ++this.#lastClient;
      this.#again(everyMs, () => this.#order(client));
    }
    for (let i = schedule.between(1, 3); i > 0; i--) {
      const client = ++this.#lastClient;
      this.#again(lookMs, () => this.#look(client));
    }
    for (let i = schedule.between(1, 2); i > 0; i--) this.#courier(++this.#lastClient, lookMs);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** One order, tried until it is answered. */
  place(port: number, wish: Wish, answered: () => void): void {
    const client = ++this.#lastClient;
    new Errand(this.#errands, { client, wish, key: `sure-${++this.#lastKey}`, answered }).try(port);
  }

  /** Ask for an item and hand on what is shown, if anything is. */
  read(client: number, port: number, item: string, shown: (position: number) => void = () => {}): void {
    const path = `/${this.#options.resource}/${item}`;
    this.#ask(client, port, { method: "GET", url: path }, (reply, start) => {
      this.#count(reply);
      if (reply.status === 503) return;
      assert(reply.status === 200, () => `GET ${path}: ${reply.status} ${reply.body}`);
      const position = positionOf(reply);
      const value = stateOf(parseItem(parseBody(reply.body).data));
      this.#record({ client, op: "read", item, start, status: 200, position, value });
      shown(position);
    });
  }

  list(client: number, port: number): void {
    this.#ask(client, port, { method: "GET", url: `/${this.#options.resource}` }, (reply, start) => {
      if (reply.status === 503) return;
      assert(reply.status === 200, () => `a list: ${reply.status} ${reply.body}`);
      const items = parseItems(parseBody(reply.body).data);
      const rows = items.map((item) => ({ item: item.name, ...stateOf(item) }));
      this.#record({ client, op: "list", start, status: 200, position: positionOf(reply), rows });
    });
  }

  query(client: number, port: number, number: number, done: (found: boolean) => void = () => {}): void {
    this.#ask(client, port, { method: "GET", url: `/orders/${number}` }, (reply, start) => {
      const { status } = reply;
      if (status === 503) return;
      assert(status === 200 || status === 404, () => `order ${number}: ${status} ${reply.body}`);
      const position = positionOf(reply);
      const facts = status === 200 ? factsOf(parseOrder(parseBody(reply.body).data)) : {};
      this.#record({ client, op: "query", number, start, status, position, ...facts });
      done(status === 200);
    });
  }

  #count({ headers }: Reply): void {
    const { sometimes } = this.#options;
    const cache = headers.get("x-cache");
    if (cache === "hit") sometimes.saw("a read was a hit");
    else if (cache === "miss") sometimes.saw("a read was a miss");
    else sometimes.saw("a read went past the cache");
  }

  get #nowMs(): number {
    return this.#options.schedule.now;
  }

  #again(everyMs: number, act: () => void): void {
    const { schedule } = this.#options;
    schedule.for(this.machine, schedule.random() * 2 * everyMs, "timer", () => {
      if (this.#stopped) return;
      act();
      this.#again(everyMs, act);
    });
  }

  #look(client: number): void {
    const { schedule, ports, items } = this.#options;
    const port = schedule.pick(ports);
    const what = schedule.random();
    if (what < 0.1) this.list(client, port);
    else if (what < 0.25 && this.#nextNumber > 0)
      this.query(client, port, schedule.between(0, this.#nextNumber));
    else this.read(client, port, schedule.chance(0.5) ? (items[0] as string) : schedule.pick(items));
  }

  #courier(client: number, everyMs: number): void {
    const { schedule, ports, items, sometimes } = this.#options;
    const from = schedule.pick(ports);
    const item = schedule.pick(items);
    let last = -1;
    this.#again(everyMs, () => {
      this.read(client, from, item, (position) => {
        if (position === last) return;
        last = position;
        for (const port of ports) {
          if (port === from) continue;
          sometimes.saw("a courier carried news");
          this.read(client, port, item);
        }
      });
    });
  }

  #order(client: number): void {
    const { schedule, ports, items } = this.#options;
    if (this.openOrders >= ordersUnderWayMax) return;
    const wish: Wish = {
      item: schedule.chance(0.5) ? (items[0] as string) : schedule.pick(items),
      side: schedule.chance(0.55) ? "buy" : "sell",
      quantity: schedule.between(1, 5),
    };
    const burst = schedule.chance(0.03) ? schedule.between(5, 40) : 1;
    for (let i = 0; i < burst; i++) {
      const key = schedule.chance(0.3) ? undefined : `key-${++this.#lastKey}`;
      new Errand(this.#errands, { client, wish, key }).try(schedule.pick(ports));
    }
  }

  get #nowNs(): number {
    return Math.floor(this.#nowMs * 1e6);
  }

  #record(operation: Omit<Operation, "end">): void {
    this.history.push({ ...operation, end: this.#nowNs });
  }

  /** A read: what is lost or not answered in time shows nothing. */
  #ask(_client: number, port: number, request: Request, done: (reply: Reply, start: number) => void): void {
    const start = this.#nowNs;
    this.#attempt(port, request, (outcome) => {
      if (outcome.kind === "reply") done(outcome, start);
      else this.#options.sometimes.saw("a read was not answered");
    });
  }

  #attempt(port: number, request: Request, done: (outcome: Outcome) => void): void {
    const { schedule } = this.#options;
    let over = false;
    const end = (outcome: Outcome): void => {
      if (over) return;
      over = true;
      timer.run = undefined;
      if (outcome.kind === "reply") schedule.note(outcome.status + outcome.body.length);
      schedule.trace(() => told(request, port, outcome));
      done(outcome);
    };
    const timer = schedule.for(this.machine, schedule.pick(attemptsMs), "timer", () => end({ kind: "lost" }));
    send(this.machine, port, request, end);
  }
}

function told({ method, url, headers, body }: Request, port: number, outcome: Outcome): string {
  const what = `${method} ${url}${body === undefined ? "" : ` ${body} ${headers?.["idempotency-key"]}`}`;
  if (outcome.kind !== "reply") return `shoppers: ${what} at ${port}: ${outcome.kind}`;
  const { status, headers: said, body: text } = outcome;
  return `shoppers: ${what} at ${port}: ${status} ${said.get("x-cache") ?? ""} ${said.get("bazaar-position") ?? ""} ${text.slice(0, 160)}`;
}

function factsOf({ side, lines }: Order): Pick<Operation, "item" | "side" | "quantity" | "value"> {
  const line = present(lines[0], "a line");
  return { item: line.name, side, quantity: line.quantity, value: { priceMinor: line.priceMinor } };
}
