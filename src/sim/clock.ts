/**
 * What code of production finds in place of the global timers and clocks while it is simulated (hooks.ts). All of it
 * is that of the machine whose turn it is.
 */
import { assert, present } from "../base/assert.ts";
import type { Machine } from "./machine.ts";
import type { Event, Schedule } from "./schedule.ts";

let schedule: Schedule | undefined;

/** One world at a time. */
export function enterWorld(entered: Schedule | undefined): void {
  schedule = entered;
}

/** While production is loaded there is no world yet. */
export function hasWorld(): boolean {
  return schedule !== undefined;
}

export function currentSchedule(): Schedule {
  return present(schedule, "a world that is simulated");
}

export function currentMachine(): Machine {
  return present(currentSchedule().machine, "a machine whose turn it is");
}

/** 1 ms is the least that Node waits, too. */
const leastMs = 1;
const earlyMsMax = 0.9;
const lateMsMax = 20;
const lateChance = 0.01;

/** Node's timers go by whole milliseconds of a clock that is read once a turn: a little early, and now and then late. */
function lateness({ random }: Schedule): number {
  return random() < lateChance ? random() * lateMsMax : -random() * earlyMsMax;
}

class Timer {
  #event: Event | undefined;
  readonly #machine: Machine;
  readonly #run: () => void;
  readonly #delayMs: number;
  readonly #repeats: boolean;

  constructor(run: () => void, delayMs: number, repeats: boolean) {
    this.#machine = currentMachine();
    this.#run = run;
    this.#delayMs = this.#machine.trueMs(Math.max(leastMs, delayMs));
    this.#repeats = repeats;
    this.#start();
  }

  #start(): void {
    const { schedule: at } = this.#machine;
    this.#event = at.for(this.#machine, Math.max(0, this.#delayMs + lateness(at)), "timer", () => {
      // As Node has it: an interval is begun again after it ran.
      if (!this.#repeats) this.#event = undefined;
      this.#run();
      if (this.#repeats && this.#event !== undefined) this.#start();
    });
  }

  clear(): void {
    if (this.#event !== undefined) this.#event.run = undefined;
    this.#event = undefined;
  }

  refresh(): this {
    this.clear();
    this.#start();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

export function setTimeout(run: (...words: unknown[]) => void, delayMs = 0, ...words: unknown[]): Timer {
  return new Timer(() => run(...words), delayMs, false);
}

export function setInterval(run: (...words: unknown[]) => void, delayMs = 0, ...words: unknown[]): Timer {
  return new Timer(() => run(...words), delayMs, true);
}

export function setImmediate(run: (...words: unknown[]) => void, ...words: unknown[]): Event {
  const machine = currentMachine();
  return machine.schedule.for(machine, 0, "input", () => run(...words));
}

export function clearTimeout(timer: Timer | undefined): void {
  if (timer === undefined) return;
  assert(timer instanceof Timer, "a timer of this world");
  timer.clear();
}

export { clearTimeout as clearInterval };

export const performance = {
  now: (): number => currentMachine().clock,
};

/** A day in 2026 at which every history begins. */
const epochMs = 1_790_000_000_000;

class WallClock extends Date {
  static override now(): number {
    const { schedule: at, wallOffsetMs } = currentMachine();
    return Math.floor(epochMs + at.now + wallOffsetMs);
  }
}

export { WallClock as Date };
