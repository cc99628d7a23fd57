/**
 * Clients of the published protocol: each does one thing after another, and writes down what it was told as a history
 * (check/history.ts) in which nothing has a position. An order is sent once, because its API knows no keys.
 */
import { assert, present } from "../base/assert.ts";
import type { Operation } from "../check/history.ts";
import { parseBody, parseItem, parseOrder, parseRefusal } from "../client/parse.ts";
import { type Outcome, type Request, send } from "./http.ts";
import { Machine } from "./machine.ts";
import type { Schedule } from "./schedule.ts";

export interface CourseWish {
  readonly item: string;
  readonly quantity: number;
  /** Not before this virtual time. */
  readonly dueMs: number;
}

export interface CourseShoppersOptions {
  readonly schedule: Schedule;
  readonly resource: string;
  readonly items: readonly string[];
  readonly port: number;
  /** An order is sent. */
  readonly ordering: () => void;
}

/** Longer than the front-end tries. */
const attemptMs = 20_000;
const pauseMs = 150;
/** What was not answered is asked again after this, where an answer is needed. */
const againMs = 500;

export class CourseShoppers {
  readonly #options: CourseShoppersOptions;
  readonly #machine: Machine;
  /** In the order in which they ended. */
  readonly history: Operation[] = [];
  /** When orders were answered, true milliseconds. */
  readonly answeredAt: number[] = [];
  readonly #numbers = new Set<number>();
  #lastClient = 0;
  #busy = 0;
  #stopped = false;

  constructor(options: CourseShoppersOptions) {
    this.#options = options;
    this.#machine = new Machine(options.schedule, { name: "shoppers" });
    this.#machine.begin();
  }

  /** Whether some client has not had its last answer. */
  get isBusy(): boolean {
    return this.#busy > 0;
  }

  /** A client who orders all this when it is due, and looks around between. */
  start(wishes: readonly CourseWish[]): void {
    const client = ++this.#lastClient;
    void this.#do(async () => {
      const { schedule, items } = this.#options;
      const left = [...wishes].sort((a, b) => a.dueMs - b.dueMs);
      while (!this.#stopped) {
        await this.#pass(schedule.random() * 2 * pauseMs);
        const [next] = left;
        if (next !== undefined && schedule.now >= next.dueMs) {
          left.shift();
          await this.#order(client, next);
        } else if (this.#numbers.size > 0 && schedule.chance(0.4)) {
          await this.#query(client, schedule.pick([...this.#numbers]));
        } else await this.#read(client, schedule.pick(items));
      }
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Every item, and every order whose number anybody was told, until all is answered. */
  lookAtAll(): void {
    const client = ++this.#lastClient;
    void this.#do(async () => {
      for (const item of this.#options.items) {
        while (!(await this.#read(client, item))) await this.#pass(againMs);
      }
      for (const number of [...this.#numbers].sort((a, b) => a - b)) {
        while (!(await this.#query(client, number))) await this.#pass(againMs);
      }
    });
  }

  async #do(work: () => Promise<void>): Promise<void> {
    this.#busy++;
    await work();
    this.#busy--;
  }

  async #order(client: number, { item, quantity }: CourseWish): Promise<void> {
    const asked = { client, op: "order", item, side: "buy", quantity, start: this.#nowNs } as const;
    const sent = this.#attempt("POST", "/orders", JSON.stringify({ name: item, quantity }));
    this.#options.ordering();
    const outcome = await sent;
    if (outcome.kind !== "reply") {
      this.history.push({ ...asked, end: null, status: null });
      return;
    }
    const { status, body } = outcome;
    const answered = { ...asked, end: this.#nowNs, status };
    if (status === 500) {
      this.history.push(answered);
      return;
    }
    this.answeredAt.push(this.#options.schedule.now);
    if (status === 200) {
      const { number, lines } = parseOrder(parseBody(body).data);
      this.#numbers.add(number);
      const { priceMinor } = present(lines[0], "a line");
      this.history.push({ ...answered, number, value: { priceMinor } });
      return;
    }
    assert(status === 409, () => `an order was answered ${status} ${body}`);
    const { reason, available } = parseRefusal(parseBody(body).error, status);
    const value = available === undefined ? {} : { value: { quantity: available } };
    this.history.push({ ...answered, reason, ...value });
  }

  /** Whether it was answered; what is not, shows nothing. */
  async #read(client: number, item: string): Promise<boolean> {
    const start = this.#nowNs;
    const outcome = await this.#attempt("GET", `/${this.#options.resource}/${item}`);
    if (outcome.kind !== "reply" || outcome.status === 500) return false;
    const { status, body } = outcome;
    assert(status === 200, () => `an item was answered ${status} ${body}`);
    const { quantity, volume, priceMinor } = parseItem(parseBody(body).data);
    const value = { quantity, volume, priceMinor };
    this.history.push({ client, op: "read", item, start, end: this.#nowNs, status, value });
    return true;
  }

  /** Whether it was answered. */
  async #query(client: number, number: number): Promise<boolean> {
    const start = this.#nowNs;
    const outcome = await this.#attempt("GET", `/orders/${number}`);
    if (outcome.kind !== "reply" || outcome.status === 500) return false;
    const { status, body } = outcome;
    assert(status === 200 || status === 404, () => `order ${number}: ${status} ${body}`);
    const facts = status === 200 ? factsOf(body) : {};
    this.history.push({ client, op: "query", number, start, end: this.#nowNs, status, ...facts });
    return true;
  }

  get #nowNs(): number {
    return Math.floor(this.#options.schedule.now * 1e6);
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.schedule.for(this.#machine, ms, "timer", resolve);
    });
  }

  #attempt(method: string, url: string, body?: string): Promise<Outcome> {
    const { schedule, port } = this.#options;
    const request: Request = { method, url, ...(body !== undefined && { body }) };
    return new Promise((resolve) => {
      let over = false;
      const end = (outcome: Outcome): void => {
        if (over) return;
        over = true;
        timer.run = undefined;
        if (outcome.kind === "reply") schedule.note(outcome.status + outcome.body.length);
        schedule.trace(() => told(request, outcome));
        resolve(outcome);
      };
      const timer = schedule.for(this.#machine, attemptMs, "timer", () => end({ kind: "lost" }));
      send(this.#machine, port, request, end);
    });
  }
}

function factsOf(body: string): Pick<Operation, "item" | "side" | "quantity" | "value"> {
  const { side, lines } = parseOrder(parseBody(body).data);
  const { name: item, quantity, priceMinor } = present(lines[0], "a line");
  return { item, side, quantity, value: { priceMinor } };
}

function told({ method, url, body = "" }: Request, outcome: Outcome): string {
  const answer = outcome.kind === "reply" ? `${outcome.status} ${outcome.body.slice(0, 160)}` : outcome.kind;
  return `shoppers: ${method} ${url} ${body}: ${answer}`;
}
