/**
 * A process as the others see it: it runs or does not, it may be stopped, and its clock has a rate of its own. What
 * happens to it happens in *turns*, as in one turn of an event loop. While it is stopped they wait, and come in the
 * order of each source, but the sources in any order: they are different sockets and timers.
 */

import { interleave, type Waiting } from "../inbox.ts";
import type { Scheduler } from "../scheduler.ts";

export interface Machine {
  /** Its number in the network. */
  readonly id: number;
  readonly name: string;
  readonly isRunning: boolean;
  /** Counts its starts. */
  readonly life: number;
  /** Whether it takes connections. */
  readonly listens: boolean;
  /** Milliseconds of its monotonic clock. */
  now(): number;
  /** A turn of this life: now, or when it wakes. */
  take(source: string, turn: () => void): void;
  /** What it has decided to send leaves now, or, if it was stopped in between, when it wakes. */
  whenAwake(send: () => void): void;
}

/** A turn of this life when so much of its own time has gone by. */
export function later(
  scheduler: Scheduler,
  machine: Machine & { readonly rate: number },
  delayMs: number,
  turn: () => void,
): void {
  const { life } = machine;
  scheduler.after(delayMs / machine.rate, () => {
    if (machine.isRunning && machine.life === life) machine.take("timers", turn);
  });
}

/** A turn again and again. One that is stopped finds that only one was missed. */
export function every(
  scheduler: Scheduler,
  machine: Machine & { readonly rate: number },
  periodMs: number,
  turn: () => void,
): void {
  const { life } = machine;
  let waits = false;
  const beat = () => {
    if (!machine.isRunning || machine.life !== life) return;
    if (!waits) {
      waits = true;
      machine.take("timers", () => {
        waits = false;
        turn();
      });
    }
    scheduler.after(periodMs / machine.rate, beat);
  };
  scheduler.after((periodMs * scheduler.random()) / machine.rate, beat);
}

/** A process that keeps nothing: a front-end or a catalog. */
export class Process implements Machine {
  readonly id: number;
  readonly name: string;
  readonly rate: number;
  readonly #scheduler: Scheduler;
  /** Whether its clock stands still while it is stopped. A true one does not. */
  readonly #sleepsWithIt: boolean;
  readonly #woke: (sources: readonly string[]) => void;
  readonly #offset: number;
  #life = 0;
  #running = false;
  #paused = false;
  #pausedAt = 0;
  #asleepMs = 0;
  #inbox: Waiting[] = [];
  #outbox: (() => void)[] = [];
  listens = false;

  constructor(
    scheduler: Scheduler,
    { id, name, rate }: { readonly id: number; readonly name: string; readonly rate: number },
    woke: (sources: readonly string[]) => void = () => {},
    sleepsWithIt = false,
  ) {
    this.#scheduler = scheduler;
    this.id = id;
    this.name = name;
    this.rate = rate;
    this.#woke = woke;
    this.#sleepsWithIt = sleepsWithIt;
    this.#offset = scheduler.between(0, 1_000_000);
  }

  get isRunning(): boolean {
    return this.#running;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get life(): number {
    return this.#life;
  }

  now(): number {
    return this.#offset + (this.#scheduler.now - this.#asleepMs) * this.rate;
  }

  take(source: string, turn: () => void): void {
    if (!this.#running) return;
    if (this.#paused) this.#inbox.push({ source, run: turn });
    else turn();
  }

  whenAwake(send: () => void): void {
    if (this.#paused) this.#outbox.push(send);
    else send();
  }

  start(): void {
    this.#running = true;
    this.#life++;
    this.#scheduler.trace(() => `${this.name} starts`);
  }

  kill(): void {
    this.#running = false;
    this.#paused = false;
    this.listens = false;
    this.#inbox = [];
    this.#outbox = [];
    this.#scheduler.trace(() => `${this.name} is killed`);
  }

  pause(): void {
    if (!this.#running || this.#paused) return;
    this.#paused = true;
    this.#pausedAt = this.#scheduler.now;
    this.#scheduler.trace(() => `${this.name} is paused`);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#sleepsWithIt) this.#asleepMs += this.#scheduler.now - this.#pausedAt;
    this.#scheduler.trace(() => `${this.name} wakes`);
    for (const send of this.#outbox.splice(0)) send();
    const { life } = this;
    this.#woke(this.#inbox.map(({ source }) => source));
    for (const { source, run } of interleave(this.#inbox.splice(0), this.#scheduler)) {
      if (!this.#running || this.#life !== life) return;
      // Stopped again: it waits on.
      if (this.#paused) this.#inbox.push({ source, run });
      else run();
    }
  }
}
