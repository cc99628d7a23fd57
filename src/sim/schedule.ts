/**
 * The only time and the only chance in a simulated history: a queue of events ordered by virtual time, and one seeded
 * generator that every decision draws from. So a seed is a replay; the trace hash proves it.
 *
 * An event belongs to a *machine*, and is lost with the life of the machine that it was meant for, or waits while the
 * machine is stopped. It runs to its end, with every promise that it settles, before the next one begins: code of
 * production that awaits runs as it does in a process of its own.
 */
import { integerBetween, type Random, seededRandom } from "../base/random.ts";
import type { Machine } from "./machine.ts";

/** Timers and what comes from outside reach a stopped process by different ways, and wake it in either order. */
export type EventKind = "timer" | "input";

export interface Event {
  readonly at: number;
  /** Breaks ties in the order of scheduling. */
  readonly number: number;
  /** Nobody's: the world itself acts. */
  readonly machine: Machine | undefined;
  readonly life: number;
  readonly kind: EventKind;
  /** Undefined: it was cancelled. */
  run: (() => void) | undefined;
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}

/** So many events run before Node's own event loop has a turn, in which it tells of rejected promises that nobody handles. */
const eventsPerTurn = 64;

/** No machine ever lives this life. */
const never = -1;

const realImmediate = globalThis.setImmediate;

export class Schedule {
  readonly random: Random;
  /** Milliseconds, of a clock that nobody in the simulation can read. */
  now = 0;
  /** Whose turn it is. */
  machine: Machine | undefined;
  /** Events that ran. */
  steps = 0;
  /** FNV-1a over whatever was told to `note`. */
  hash = 0x811c9dc5;
  /** Called with lines that people can read, if anyone wants them. */
  readonly #trace: ((line: string) => void) | undefined;
  readonly #uncaught: (machine: Machine | undefined, error: unknown) => void;
  /** A binary heap. */
  readonly #events: Event[] = [];
  #scheduled = 0;
  #broken: unknown;

  constructor(
    seed: number,
    uncaught: (machine: Machine | undefined, error: unknown) => void,
    trace?: (line: string) => void,
  ) {
    this.random = seededRandom(seed);
    this.#uncaught = uncaught;
    this.#trace = trace;
  }

  get isTraced(): boolean {
    return this.#trace !== undefined;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  between(low: number, high: number): number {
    return integerBetween(this.random, low, high);
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)] as T;
  }

  note(value: number): void {
    this.hash = Math.imul(this.hash ^ value, 0x01000193);
  }

  trace(line: () => string): void {
    if (this.#trace !== undefined) this.#trace(`${this.now.toFixed(1).padStart(10)}  ${line()}`);
  }

  /** The world acts, `delayMs` from now. */
  after(delayMs: number, run: () => void): Event {
    return this.#add(this.now + delayMs, undefined, "input", run);
  }

  /** A machine's own event, if it still lives the same life by then. */
  for(machine: Machine, delayMs: number, kind: EventKind, run: () => void): Event {
    return this.#add(this.now + delayMs, machine, kind, run);
  }

  /** Ends the run under way: `run` rejects with `error`. The first one counts. */
  fail(error: unknown): void {
    this.#broken ??= error;
  }

  /** Until the virtual time `end`, or `fail`. */
  run(end: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = eventsPerTurn;
      const turn = (): void => {
        this.machine = undefined;
        if (this.#broken !== undefined) return reject(this.#broken);
        const event = this.#next(end);
        if (event === undefined) {
          this.now = end;
          return resolve();
        }
        this.#take(event);
        if (--left > 0) return queueMicrotask(settled);
        left = eventsPerTurn;
        realImmediate(turn);
      };
      // Microtasks are run until there are none, and those that they add with them; only then the next tick comes.
      const settled = (): void => process.nextTick(turn);
      turn();
    });
  }

  #take(event: Event): void {
    const { machine, run } = event;
    if (run === undefined) return;
    this.now = event.at;
    if (machine !== undefined) {
      if (machine.life !== event.life) return;
      if (machine.isPaused) {
        machine.inbox.push(event);
        return;
      }
    }
    this.machine = machine;
    this.steps++;
    this.note(event.number);
    try {
      run();
    } catch (error) {
      this.#uncaught(machine, error);
    }
  }

  #add(at: number, machine: Machine | undefined, kind: EventKind, run: () => void): Event {
    const events = this.#events;
    // What a process that has ended goes on to ask for, in the turn in which it ended, is nobody's.
    const life = machine === undefined ? 0 : machine.isRunning ? machine.life : never;
    const event = { at, number: this.#scheduled++, machine, life, kind, run };
    let index = events.length;
    events.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, events[parent] as Event)) break;
      events[index] = events[parent] as Event;
      index = parent;
    }
    events[index] = event;
    return event;
  }

  /** Takes the next event that is due by `end`. */
  #next(end: number): Event | undefined {
    for (;;) {
      const first = this.#events[0];
      if (first === undefined || first.at > end) return undefined;
      this.#removeFirst();
      if (first.run !== undefined) return first;
    }
  }

  #removeFirst(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as Event, events[child] as Event)) child++;
      if (!isBefore(events[child] as Event, last)) break;
      events[at] = events[child] as Event;
      at = child;
    }
    events[at] = last;
  }
}
