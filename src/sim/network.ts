/**
 * The simulated network: what carries bytes between machines, in order on each way and after a drawn time, and what
 * comes of them when a way is cut, a process ends or a machine loses its power. TCP's promises, and no more: what is
 * under way when a connection ends may be lost, a cut shows as silence, a stopped process's connections stay open.
 */
import { assert, present } from "../base/assert.ts";
import type { Machine } from "./machine.ts";
import type { Schedule } from "./schedule.ts";

/** What happens to everything that is sent. */
export interface Weather {
  /** A message takes between these, milliseconds. */
  fastMs: number;
  slowMs: number;
  /** How likely it takes long, and how long at most. */
  clogChance: number;
  clogMs: number;
  /** How likely it must be sent again, as TCP does after `resendMs`. */
  lossChance: number;
  /** Raft's own messages may be lost, doubled and overtake each other: the log does not rest on TCP. */
  dropChance: number;
  doubleChance: number;
  overtakeChance: number;
  /** The second copy of one that is doubled comes so much later at most. */
  lateMs: number;
}

const fairWeather: Readonly<Weather> = {
  fastMs: 0.05,
  slowMs: 0.6,
  clogChance: 0,
  clogMs: 0,
  lossChance: 0,
  dropChance: 0,
  doubleChance: 0,
  overtakeChance: 0,
  lateMs: 0,
};

const resendMs = 200;

/** One way of one connection: what is sent into it arrives in order. */
export class Way {
  readonly from: Machine;
  readonly to: Machine;
  /** Nothing arrives before what was sent before it. */
  lastAt = 0;
  /** What waits for a cut to heal. */
  readonly held: (() => void)[] = [];

  constructor(from: Machine, to: Machine) {
    this.from = from;
    this.to = to;
  }
}

/** Whoever must hear that a machine's process has ended. */
export interface Attached {
  ended(): void;
}

export class Network {
  readonly schedule: Schedule;
  readonly weather: Weather = { ...fairWeather };
  /** What is listened on, by port. */
  readonly listening = new Map<number, { readonly machine: Machine; readonly server: unknown }>();
  readonly #cuts = new Map<Machine, Set<Machine>>();
  readonly #held = new Set<Way>();
  readonly #attached = new Map<Machine, Set<Attached>>();
  readonly #extraMs = new Map<Machine, number>();

  constructor(schedule: Schedule) {
    this.schedule = schedule;
  }

  /** Times that cuts were healed. */
  heals = 0;
  /** The longest that anything has taken so far, or will have. */
  slowestMs = 0;
  /** Whose port it is, listened on or not. */
  readonly ports = new Map<number, Machine>();

  machineAt(port: number): Machine {
    return present(this.ports.get(port), `a machine that has port ${port}`);
  }

  cut(from: Machine, to: Machine): void {
    const cuts = this.#cuts.get(from) ?? new Set();
    this.#cuts.set(from, cuts.add(to));
  }

  isCut(from: Machine, to: Machine): boolean {
    return this.#cuts.get(from)?.has(to) === true;
  }

  /** Everything that a machine sends or is sent takes so much longer. */
  slow(machine: Machine, ms: number): void {
    this.#extraMs.set(machine, ms);
  }

  /** What was held by cuts is sent again, each way when its sender tries next. */
  heal(): void {
    this.heals++;
    this.#cuts.clear();
    this.#extraMs.clear();
    const held = [...this.#held];
    this.#held.clear();
    for (const way of held) {
      this.schedule.after(this.schedule.random() * resendMs, () => this.#release(way));
    }
  }

  calm(): void {
    Object.assign(this.weather, fairWeather);
    this.heal();
  }

  /** `arrive` runs when what was sent would be there; the world's own event, or the receiver's if it is one. */
  carry(way: Way, arrive: () => void): void {
    if (way.held.length > 0 || this.isCut(way.from, way.to)) {
      way.held.push(arrive);
      this.#held.add(way);
      return;
    }
    const at = Math.max(way.lastAt, this.schedule.now + this.#delayMs(way));
    way.lastAt = at;
    this.slowestMs = Math.max(this.slowestMs, at - this.schedule.now);
    this.schedule.after(at - this.schedule.now, arrive);
  }

  /** Out of order: it neither waits for what was sent before nor holds up what comes behind. */
  carryAlone(way: Way, arrive: () => void, lateMs = 0): void {
    if (this.isCut(way.from, way.to)) return;
    const delayMs = lateMs + this.#delayMs(way);
    this.slowestMs = Math.max(this.slowestMs, delayMs);
    this.schedule.after(delayMs, arrive);
  }

  attach(machine: Machine, one: Attached): void {
    const attached = this.#attached.get(machine) ?? new Set();
    this.#attached.set(machine, attached.add(one));
  }

  detach(machine: Machine, one: Attached): void {
    this.#attached.get(machine)?.delete(one);
  }

  /** The process on this machine has ended: its system lets go of its ports and connections. */
  ended(machine: Machine): void {
    for (const [port, { machine: owner }] of this.listening)
      if (owner === machine) this.listening.delete(port);
    const attached = [...(this.#attached.get(machine) ?? [])];
    this.#attached.delete(machine);
    for (const one of attached) one.ended();
  }

  listen(port: number, machine: Machine, server: unknown): boolean {
    assert(port > 0, "every simulated server has a port of its own");
    if (this.listening.has(port)) return false;
    this.listening.set(port, { machine, server });
    return true;
  }

  unlisten(port: number, server: unknown): void {
    if (this.listening.get(port)?.server === server) this.listening.delete(port);
  }

  #delayMs({ from, to }: Way): number {
    const { schedule, weather } = this;
    let ms = weather.fastMs + schedule.random() * (weather.slowMs - weather.fastMs);
    if (weather.clogChance > 0 && schedule.chance(weather.clogChance))
      ms += schedule.random() * weather.clogMs;
    if (weather.lossChance > 0 && schedule.chance(weather.lossChance)) ms += resendMs;
    return ms + (this.#extraMs.get(from) ?? 0) + (this.#extraMs.get(to) ?? 0);
  }

  #release(way: Way): void {
    // Cut again meanwhile.
    if (this.isCut(way.from, way.to)) {
      this.#held.add(way);
      return;
    }
    for (const arrive of way.held.splice(0)) this.carry(way, arrive);
  }
}
