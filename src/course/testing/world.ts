/**
 * The published protocol in one process, without a clock, a socket or a disk: its front-end, its catalog and its three
 * order replicas, as they are in production, over links and files that a test rules. A message goes where it is sent,
 * at once, unless the test has said what becomes of it; a process does what it does until the test kills it.
 *
 * Everything is a chain of promises that nothing but the test holds up, so a scenario is the same each time.
 */
import { setImmediate } from "node:timers/promises";
import { assert, present } from "../../base/assert.ts";
import { Catalog, type CourseRules } from "../catalog.ts";
import { FrontEnd } from "../frontend.ts";
import {
  type CourseItem,
  type CourseOrder,
  type Handler,
  type Link,
  NoAnswer,
  type Reply,
  type Request,
} from "../messages.ts";
import { OrderReplica } from "../order.ts";
import { type CourseFiles, readLines } from "../order-file.ts";

/** `asks`: the request is on its way; `answers`: it was carried out, and the reply is on its way back. */
export interface Message {
  readonly leg: "asks" | "answers";
  /** Who asks, on both legs. */
  readonly from: string;
  readonly to: string;
  readonly kind: Request["kind"];
}

/** What the network does with a message. One that is lost is noticed by who asked, as a broken connection. */
type Fate = "arrives" | "lost";

interface Rule {
  readonly message: Message;
  readonly decide: () => Fate | Promise<Fate>;
}

const never = new Promise<never>(() => undefined);

/** One life of a process. Once it is over, nothing that it asked for or wrote comes back to it: it goes no further. */
class Life {
  readonly name: string;
  /** `undefined`: it does not listen yet. */
  handle: Handler | undefined;
  isOver = false;
  readonly #end = Promise.withResolvers<never>();

  constructor(name: string) {
    this.name = name;
    this.ended.catch(() => undefined);
  }

  /** Rejects, as connections to it do. */
  get ended(): Promise<never> {
    return this.#end.promise;
  }

  end(): void {
    this.isOver = true;
    this.#end.reject(new NoAnswer(`${this.name} is gone`));
  }
}

export class CourseWorld {
  readonly #rules: CourseRules;
  readonly #lives = new Map<string, Life>();
  /** By process: they outlive it. */
  readonly #disks = new Map<string, Map<string, string>>();
  /** What waits for a process that is stopped, in the order in which it came. */
  readonly #paused = new Map<string, (() => void)[]>();
  #fates: Rule[] = [];
  #frontEnd: FrontEnd | undefined;

  private constructor(rules: CourseRules) {
    this.#rules = rules;
  }

  static async start(rules: CourseRules): Promise<CourseWorld> {
    const world = new CourseWorld(rules);
    await world.#startCatalog();
    for (const id of [1, 2, 3]) await world.startReplica(id);
    await world.#startFrontEnd();
    return world;
  }

  get frontEnd(): FrontEnd {
    return present(this.#frontEnd, "the front-end");
  }

  /** The next message like this is lost. */
  lose(message: Message): void {
    this.#fates.push({ message, decide: () => "lost" });
  }

  /** When the next message like this is under way something happens. Resolves when it has. */
  when(message: Message, happens: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const decide = (): Fate => {
      happens();
      resolve();
      return "arrives";
    };
    this.#fates.push({ message, decide });
    return promise;
  }

  /** The next message like this is slow: it is under way from `reached` on, and arrives after `release`. */
  hold(message: Message): { readonly reached: Promise<void>; release(): void } {
    const released = Promise.withResolvers<Fate>();
    const reached = Promise.withResolvers<void>();
    const decide = (): Promise<Fate> => {
      reached.resolve();
      return released.promise;
    };
    this.#fates.push({ message, decide });
    return { reached: reached.promise, release: () => released.resolve("arrives") };
  }

  kill(name: string): void {
    this.#life(name).end();
  }

  /** SIGSTOP: what is sent to it waits. Who asks it gives up, but for trades: those were sent a moment ago. */
  pause(name: string): void {
    this.#paused.set(name, []);
  }

  /** What has come meanwhile is dealt with, one thing after the other. */
  async resume(name: string): Promise<void> {
    const inbox = this.#paused.get(name) ?? [];
    this.#paused.delete(name);
    for (const arrive of inbox) {
      arrive();
      // A turn of the event loop: everything that follows from it happens first.
      await setImmediate();
    }
  }

  async startReplica(id: number): Promise<void> {
    const life = this.#begin(`order-${id}`);
    const others = [3, 2, 1].filter((other) => other !== id);
    const peers = new Map(others.map((other) => [other, this.#link(life, `order-${other}`)]));
    const ports = { files: this.#files(life), catalog: this.#link(life, "catalog"), peers };
    const replica = new OrderReplica({ id, ...ports, emit: () => undefined });
    await replica.load();
    life.handle = replica.handle;
  }

  /** What a replica's file holds. */
  log(id: number): readonly CourseOrder[] {
    return readLines<CourseOrder>(this.#disk(`order-${id}`).get("orders.log") ?? "").lines;
  }

  /** What the catalog's file holds of an item. */
  stock(name: string): number {
    const [items] = readLines<readonly CourseItem[]>(this.#disk("catalog").get("stock.json") ?? "").lines;
    const item = (items ?? this.#rules.items).find((one) => one.name === name);
    return present(item, name).quantity;
  }

  /** At the end of a scenario: everything that it arranged has happened. */
  end(): void {
    const waiting = this.#fates.map(({ message }) => message);
    assert(waiting.length === 0, () => `these messages were never sent: ${JSON.stringify(waiting)}`);
  }

  async #startCatalog(): Promise<void> {
    const life = this.#begin("catalog");
    const catalog = new Catalog(this.#rules, this.#files(life));
    await catalog.load();
    catalog.keepers.add(this.#link(life, "frontend"));
    life.handle = catalog.handle;
  }

  async #startFrontEnd(): Promise<void> {
    const life = this.#begin("frontend");
    const orders = new Map([1, 2, 3].map((id) => [id, this.#link(life, `order-${id}`)]));
    const labels = { resource: "stocks", currency: "USD" };
    const catalog = this.#link(life, "catalog");
    const frontEnd = new FrontEnd({ labels, orders, catalog, cache: 8 });
    life.handle = frontEnd.handle;
    this.#frontEnd = frontEnd;
    await frontEnd.chooseLeader();
  }

  #begin(name: string): Life {
    const life = new Life(name);
    this.#lives.set(name, life);
    return life;
  }

  #life(name: string): Life {
    return present(this.#lives.get(name), name);
  }

  #link(own: Life, to: string): Link {
    return {
      ask: async (request) => {
        if (own.isOver) return await never;
        try {
          return await this.#ask(own.name, to, request);
        } finally {
          if (own.isOver) await never;
        }
      },
    };
  }

  async #ask(from: string, to: string, request: Request): Promise<Reply> {
    const other = this.#lives.get(to);
    if (other?.handle === undefined || other.isOver) throw new NoAnswer(`${to} does not listen`);
    const answered = this.#carryOut(from, other, request);
    answered.catch(() => undefined);
    if (this.#paused.has(to) && request.kind !== "trade") throw new NoAnswer(`${to} is silent`);
    return await Promise.race([answered, other.ended]);
  }

  async #carryOut(from: string, other: Life, request: Request): Promise<Reply> {
    const message = { from, to: other.name, kind: request.kind };
    await this.#carry({ ...message, leg: "asks" });
    await this.#awake(other.name);
    if (other.isOver) return await other.ended;
    const reply = await present(other.handle, "its handler")(request);
    await this.#carry({ ...message, leg: "answers" });
    await this.#awake(from);
    return reply;
  }

  async #awake(name: string): Promise<void> {
    const inbox = this.#paused.get(name);
    if (inbox !== undefined) await new Promise<void>((resolve) => inbox.push(resolve));
  }

  async #carry(message: Message): Promise<void> {
    const rule = this.#fates.find((one) => isLike(one.message, message));
    if (rule === undefined) return;
    this.#fates = this.#fates.filter((one) => one !== rule);
    if ((await rule.decide()) === "lost") throw new NoAnswer(`${message.kind} to ${message.to} was lost`);
  }

  #disk(name: string): Map<string, string> {
    const disk = this.#disks.get(name) ?? new Map<string, string>();
    this.#disks.set(name, disk);
    return disk;
  }

  #files(own: Life): CourseFiles {
    const disk = this.#disk(own.name);
    const write = async (file: string, text: string): Promise<void> => {
      if (own.isOver) await never;
      disk.set(file, text);
    };
    return {
      read: async (file) => disk.get(file) ?? "",
      append: (file, line) => write(file, `${disk.get(file) ?? ""}${line}\n`),
      replace: (file, text) => write(file, text),
    };
  }
}

function isLike(a: Message, b: Message): boolean {
  return a.leg === b.leg && a.from === b.from && a.to === b.to && a.kind === b.kind;
}
