/**
 * Does to the published protocol what it claims to bear: of its order replicas one at a time is killed and started again,
 * or stopped and woken, and connections are cut and healed. Its catalog and its front-end stay up, and no disk fails.
 */
import type { CourseCluster } from "./course-cluster.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";

const kinds = ["kill", "pause", "cut"] as const;

/** An order takes about so long from front-end to answer. */
const orderMs = 6;

export class CourseNemesis {
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #cluster: CourseCluster;
  readonly #everyMs: number;
  /** How likely a fault falls while an order is under way. */
  readonly #strike: number;
  /** The replica that is down or stopped. */
  #victim: SimProcess | undefined;
  #isCut = false;
  #over = true;

  constructor(schedule: Schedule, network: Network, cluster: CourseCluster) {
    this.#schedule = schedule;
    this.#network = network;
    this.#cluster = cluster;
    this.#everyMs = schedule.pick([800, 2_000, 5_000]);
    this.#strike = schedule.pick([0.1, 0.4]);
  }

  start(): void {
    this.#over = false;
    this.#next();
  }

  /** All faults end: who is down starts again, who is stopped wakes. */
  end(): void {
    this.#over = true;
    this.#network.heal();
    this.#revive();
  }

  /** An order is sent. */
  strike(): void {
    if (this.#over || !this.#schedule.chance(this.#strike)) return;
    this.#schedule.after(this.#schedule.random() * orderMs, () => this.#do());
  }

  #next(): void {
    this.#schedule.after(this.#schedule.random() * 2 * this.#everyMs, () => {
      if (this.#over) return;
      this.#do();
      this.#next();
    });
  }

  #do(): void {
    if (this.#over) return;
    const kind = this.#schedule.pick(kinds);
    if (kind === "cut") this.#cut();
    else if (this.#victim === undefined) this.#strikeDown(kind);
  }

  #strikeDown(kind: "kill" | "pause"): void {
    const schedule = this.#schedule;
    const { orders, leader } = this.#cluster;
    const victim = leader !== undefined && schedule.chance(0.7) ? leader : schedule.pick(orders);
    if (!victim.isReady) return;
    this.#victim = victim;
    if (kind === "kill") victim.kill();
    else {
      schedule.trace(() => `== ${victim.name} is stopped`);
      victim.machine.pause();
    }
    const ms = schedule.random() * schedule.pick([300, 2_000, 6_000]);
    schedule.after(ms, () => {
      if (this.#victim === victim) this.#revive();
    });
  }

  #revive(): void {
    const victim = this.#victim;
    this.#victim = undefined;
    if (victim === undefined) return;
    if (!victim.machine.isRunning) victim.start();
    else if (victim.machine.isPaused) {
      this.#schedule.trace(() => `== ${victim.name} wakes`);
      victim.machine.resume();
    }
  }

  /** One replica from the other two, or any two processes, there and back or one way. */
  #cut(): void {
    if (this.#isCut) return;
    const schedule = this.#schedule;
    const { orders, processes, leader } = this.#cluster;
    this.#isCut = true;
    const both = schedule.chance(0.5);
    if (schedule.chance(0.5)) {
      const one = leader ?? schedule.pick(orders);
      for (const other of orders) if (other !== one) this.#cutWays(one.machine, other.machine, both);
    } else {
      const one = schedule.pick(processes);
      const other = schedule.pick(processes.filter((process) => process !== one));
      this.#cutWays(one.machine, other.machine, both);
    }
    schedule.after(schedule.random() * schedule.pick([500, 2_000, 6_000]), () => {
      schedule.trace(() => "== all is healed");
      this.#isCut = false;
      this.#network.heal();
    });
  }

  #cutWays(from: Machine, to: Machine, both: boolean): void {
    this.#schedule.trace(() => `== cut: ${from.name} ${both ? "↔" : "→"} ${to.name}`);
    this.#network.cut(from, to);
    if (both) this.#network.cut(to, from);
  }
}
