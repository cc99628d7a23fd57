/** A network that delays, loses, repeats and reorders, and whose links can be cut in one direction or in both. */
import type { Message } from "../../src/raft/message.ts";
import type { Scheduler } from "./scheduler.ts";

export class SimNetwork {
  readonly #scheduler: Scheduler;
  readonly #deliver: (message: Message) => void;
  /** Links that lose everything, or to lease holders hold it up, as "from>to". */
  readonly #cut = new Set<string>();
  /** Until when links hold up what is sent. */
  readonly #held = new Map<string, number>();
  loss = 0;
  duplication = 0;
  /** How many messages take up to `slowMs` instead of a few milliseconds: they are overtaken. */
  slowness = 0;
  slowMs = 400;

  constructor(scheduler: Scheduler, deliver: (message: Message) => void) {
    this.#scheduler = scheduler;
    this.#deliver = deliver;
  }

  send(message: Message): void {
    if (this.isCut(message.from, message.to)) return;
    if (this.loss > 0 && this.#scheduler.chance(this.loss)) return;
    this.#carry(message);
    if (this.duplication > 0 && this.#scheduler.chance(this.duplication)) this.#carry(message);
  }

  #carry(message: Message): void {
    const heldUntil = this.#held.get(`${message.from}>${message.to}`) ?? 0;
    this.#scheduler.after(Math.max(0, heldUntil - this.#scheduler.now) + this.delayMs(), () => {
      if (!this.isCut(message.from, message.to)) this.#deliver(message);
    });
  }

  delayMs(): number {
    const slow = this.slowness > 0 && this.#scheduler.chance(this.slowness);
    return 0.2 + this.#scheduler.random() * (slow ? this.slowMs : 3);
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** What is sent during `ms` arrives behind it. */
  hold(from: number, to: number, ms: number): void {
    this.#held.set(`${from}>${to}`, this.#scheduler.now + ms);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** No fault from here on. */
  calm(): void {
    this.heal();
    this.loss = 0;
    this.duplication = 0;
    this.slowness = 0;
  }
}
