/**
 * One simulated machine, with at most one process on it: its clock, its lives, and what waits while it is stopped.
 *
 * Its clock is monotonic, begins with each process and runs at a rate of its own. Its wall clock may jump. A *life* is that of a
 * process: what was scheduled for an earlier one never runs.
 */
import type { Event, Schedule } from "./schedule.ts";

export interface MachineOptions {
  readonly name: string;
  /** How fast its clock runs, 1 being true. */
  readonly rate?: number;
}

export class Machine {
  readonly name: string;
  readonly schedule: Schedule;
  readonly #rate: number;
  /** Its process's clock begins near zero, as a real one's does. */
  #offset = 0;
  /** Of the wall clock, against true time. */
  wallOffsetMs = 0;
  /** 0: no process has run here yet. Counts every process and every end of one, so that nothing outlives its life. */
  life = 0;
  isRunning = false;
  isPaused = false;
  /** Times that it was stopped. */
  pauses = 0;
  /** The power is on; a process that is killed does not change that. */
  hasPower = true;
  /** What came while it was stopped. */
  readonly inbox: Event[] = [];

  constructor(schedule: Schedule, { name, rate = 1 }: MachineOptions) {
    this.name = name;
    this.schedule = schedule;
    this.#rate = rate;
  }

  /** Its monotonic clock, milliseconds. */
  get clock(): number {
    return this.#offset + this.schedule.now * this.#rate;
  }

  /** `ms` of its own clock, as true time. */
  trueMs(ms: number): number {
    return ms / this.#rate;
  }

  /** A process begins: everything of the one before is over. */
  begin(): void {
    this.life++;
    this.#offset = 20 + this.schedule.random() * 80 - this.schedule.now * this.#rate;
    this.isRunning = true;
    this.isPaused = false;
    this.inbox.length = 0;
  }

  /** Its process ends, at once. */
  end(): void {
    this.life++;
    this.isRunning = false;
    this.isPaused = false;
    this.inbox.length = 0;
  }

  pause(): void {
    this.pauses++;
    this.isPaused = true;
  }

  /**
   * What came meanwhile runs now: that of each kind in the order in which it came, timers and input either way round,
   * or taken in turns.
   */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    const { schedule } = this;
    const timers = this.inbox.filter(({ kind }) => kind === "timer");
    const inputs = this.inbox.filter(({ kind }) => kind === "input");
    this.inbox.length = 0;
    const how = schedule.pick(["timers first", "input first", "mixed"] as const);
    while (timers.length > 0 || inputs.length > 0) {
      const timer = how === "mixed" ? schedule.chance(0.5) : how === "timers first";
      const event = (timer ? timers : inputs).shift() ?? (timer ? inputs : timers).shift();
      if (event?.run !== undefined) this.#again(event);
    }
  }

  /** As the same event, so that who holds it can still cancel it. */
  #again(event: Event): void {
    const { life } = this;
    this.schedule.for(this, 0, event.kind, () => {
      if (event.life === life) event.run?.();
    });
  }
}
