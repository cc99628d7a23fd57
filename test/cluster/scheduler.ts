/**
 * The only time and the only chance in a simulated history: a queue of events ordered by virtual time, and one seeded
 * generator that every decision draws from. So a seed is a replay; the trace hash proves it.
 */
import { integerBetween, type Random, seededRandom } from "../../src/base/random.ts";

interface Event {
  readonly at: number;
  /** Breaks ties in the order of scheduling. */
  readonly number: number;
  readonly run: () => void;
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}

export class Scheduler {
  readonly random: Random;
  now = 0;
  /** Events that ran. */
  steps = 0;
  /** FNV-1a over whatever was told to `note`. */
  hash = 0x811c9dc5;
  /** Called with lines that people can read, if anyone wants them. */
  readonly #trace: ((line: string) => void) | undefined;
  /** A binary heap. */
  readonly #events: Event[] = [];
  #scheduled = 0;

  constructor(seed: number, trace?: (line: string) => void) {
    this.random = seededRandom(seed);
    this.#trace = trace;
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
    if (this.#trace !== undefined) this.#trace(`${this.now.toFixed(1).padStart(9)}  ${line()}`);
  }

  after(delayMs: number, run: () => void): void {
    const events = this.#events;
    const event = { at: this.now + delayMs, number: this.#scheduled++, run };
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, events[parent] as Event)) break;
      events[at] = events[parent] as Event;
      at = parent;
    }
    events[at] = event;
  }

  runUntil(end: number): void {
    for (let next = this.#events[0]; next !== undefined && next.at <= end; next = this.#events[0]) {
      this.#removeFirst();
      this.now = next.at;
      this.steps++;
      this.note(next.number);
      next.run();
    }
    this.now = end;
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
