/**
 * Does harm, as the seed draws it: which kinds of faults a history has, how often, and whether they fall where they
 * hurt most. Whatever is promised only for a minority of the order replicas is done only to a minority at a time.
 */
import type { OrderMachine, SimCluster } from "./cluster.ts";
import { conspire } from "./conspiracy.ts";
import { type DiskFault, damage, empty, harmDisk, isDamage } from "./disk-faults.ts";
import { Lacking } from "./lacking.ts";
import type { Network } from "./network.ts";
import { type Disturbed, disturb } from "./network-faults.ts";
import type { SimProcess } from "./process.ts";
import { drawProfile, type FaultKind, type Profile } from "./profiles.ts";
import type { Schedule } from "./schedule.ts";
import { slumber } from "./slumber.ts";
import type { Sometimes } from "./sometimes.ts";

export class Nemesis {
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #cluster: SimCluster;
  readonly #sometimes: Sometimes;
  readonly #profile: Profile;
  readonly #whenAnswered: (() => void)[] = [];
  readonly #lacking = new Lacking();
  /** Whether the group is being changed. */
  readonly #isChanging: () => boolean;
  #over = true;

  constructor(
    schedule: Schedule,
    network: Network,
    cluster: SimCluster,
    sometimes: Sometimes,
    isChanging: () => boolean,
  ) {
    this.#isChanging = isChanging;
    this.#schedule = schedule;
    this.#network = network;
    this.#cluster = cluster;
    this.#sometimes = sometimes;
    this.#profile = drawProfile(schedule);
  }

  start(): void {
    this.#over = false;
    this.#next();
    this.#look();
  }

  /** All faults end: who is down starts again, who is stopped wakes. */
  end(): void {
    this.#over = true;
    const { orders, processes } = this.#cluster;
    this.#network.calm();
    for (const order of orders) {
      order.disk.slow(1);
      empty(order);
    }
    for (const process of processes) this.#revive(process);
  }

  /** Whether no replica lacks anything. */
  get areWhole(): boolean {
    return this.#lacking.isNobody;
  }

  /** Something has just happened to, or in, this process, at which a fault may do most harm. */
  strike(process: SimProcess): void {
    this.#strike(this.#profile.strike, () => process);
  }

  /** A shopper has just been told of his order. */
  strikeAnswer(): void {
    for (const act of this.#whenAnswered.splice(0)) act();
    this.#strike(this.#profile.strikeAnswer, () => this.#victim());
  }

  #strike(chance: number, victim: () => SimProcess): void {
    const schedule = this.#schedule;
    if (this.#over || chance === 0 || !schedule.chance(chance)) return;
    schedule.after(schedule.random() * 3, () => {
      if (!this.#over) this.#do(schedule.pick(this.#profile.kinds), victim());
    });
  }

  #victim(): SimProcess {
    const { processes, orders } = this.#cluster;
    const schedule = this.#schedule;
    const { leader, frontend } = this.#profile;
    const chance = schedule.random();
    const leads = ({ process: { running } }: OrderMachine): boolean => running?.status().state === "leader";
    if (chance < leader) return orders.find(leads)?.process ?? schedule.pick(processes);
    return schedule.pick(chance < leader + frontend ? this.#cluster.frontends : processes);
  }

  /** A process ended by itself; as its supervisor would, start it again. */
  died(process: SimProcess): void {
    this.#revivedIn(process, this.#schedule.random() * 500);
  }

  #next(): void {
    this.#schedule.after(this.#schedule.random() * 2 * this.#profile.everyMs, () => {
      if (this.#over) return;
      this.#do(this.#schedule.pick(this.#profile.kinds), this.#victim());
      this.#next();
    });
  }

  #look(): void {
    this.#schedule.after(500, () => {
      this.#lacking.look(this.#schedule.now);
      if (!this.#over) this.#look();
    });
  }

  #do(kind: FaultKind, process: SimProcess): void {
    const schedule = this.#schedule;
    schedule.trace(() => `== ${kind} (${process.name})`);
    switch (kind) {
      case "kill":
        return this.#kill(process);
      case "kill several":
        for (const one of this.#cluster.processes) if (schedule.chance(0.4)) this.#kill(one);
        return;
      case "kill all":
        if (!schedule.chance(this.#profile.all)) return this.#kill(process);
        this.#sometimes.saw("all processes were killed at once");
        for (const one of this.#cluster.processes) this.#kill(one);
        return;
      case "lose power":
        return this.#losePower(process);
      case "lose all power":
        if (!schedule.chance(this.#profile.all)) return this.#losePower(process);
        this.#sometimes.saw("all order machines lost their power at once");
        for (const order of this.#cluster.orders) this.#losePower(order.process);
        return;
      case "pause":
        return this.#pause(process);
      case "stop":
        return this.#stop(process);
      case "split":
      case "cut off":
      case "cut one way":
      case "slow":
      case "weather":
      case "mangle":
        return disturb(this.#disturbed(), kind, process.machine);
      case "conspire":
        return this.#conspire();
      case "slumber":
        return this.#slumber();
      case "jump clock":
        this.#sometimes.saw("a wall clock jumped");
        process.machine.wallOffsetMs += (schedule.random() - 0.5) * schedule.pick([1_000, 1e6, 1e9]);
        return;
      default:
        return this.#harmDisk(kind, this.#cluster.orderOf(process) ?? schedule.pick(this.#cluster.orders));
    }
  }

  #kill(process: SimProcess): void {
    if (!process.machine.isRunning) return;
    this.#sometimes.saw("a process was killed");
    this.#cluster.kill(process);
    this.#revivedIn(process, this.#schedule.random() * this.#schedule.pick([10, 300, 3_000]));
  }

  #losePower(process: SimProcess): void {
    if (!process.machine.hasPower) return;
    const order = this.#cluster.orderOf(process);
    if (order !== undefined) {
      // A torn tail looks like a damaged one. All may have one at once, but not beside one whose log is lost.
      if (this.#lacking.isAnyDamaged && !this.#mayLack(order)) return;
      this.#lacking.shaken(order);
    }
    this.#sometimes.saw("a machine lost its power");
    this.#cluster.losePower(process);
    this.#revivedIn(process, 20 + this.#schedule.random() * this.#schedule.pick([300, 3_000, 20_000]));
  }

  #pause({ machine }: SimProcess): void {
    if (!machine.isRunning || machine.isPaused) return;
    this.#sometimes.saw("a process was paused");
    const { life } = machine;
    machine.pause();
    this.#schedule.after(this.#schedule.random() * this.#schedule.pick([50, 300, 1_500, 8_000]), () => {
      if (machine.life === life) machine.resume();
    });
  }

  #stop(process: SimProcess): void {
    const { running, machine } = process;
    if (running === undefined || machine.isPaused) return;
    this.#sometimes.saw("a process was stopped in order and started again");
    const { life } = machine;
    const schedule = this.#schedule;
    schedule.for(machine, 0, "input", () => {
      void running.stop().then(() => {
        schedule.after(0, () => {
          if (machine.life === life) this.#kill(process);
        });
      });
    });
    // As the supervisor does with one that does not stop.
    schedule.after(5_000, () => {
      if (machine.life === life) this.#kill(process);
    });
  }

  #conspire(): void {
    const schedule = this.#schedule;
    this.#sometimes.saw("some fell behind, and one of those that had not was to forget");
    conspire({
      schedule,
      network: this.#network,
      orders: this.#cluster.orders,
      later: this.#later,
      whenAnswered: (act) => void this.#whenAnswered.push(act),
      harm: (kind, { process }) => this.#do(kind, process),
      away: ({ process }, ms) => {
        this.#cluster.kill(process);
        this.#revivedIn(process, ms);
      },
    });
  }

  #slumber(): void {
    const { orders, frontends, processes } = this.#cluster;
    const leader = orders.find(({ process: { running } }) => running?.status().state === "leader");
    if (leader === undefined) return;
    this.#sometimes.saw("a leader or its front-end slept while others went on");
    const later = this.#later;
    slumber({ schedule: this.#schedule, network: this.#network, leader, frontends, processes, later });
  }

  readonly #later = (ms: number, act: () => void): void => {
    this.#schedule.after(ms, () => {
      if (!this.#over) act();
    });
  };

  #mayLack(order: OrderMachine): boolean {
    // While the group is changed one more may be needed in a moment than is now.
    return !this.#isChanging() && this.#lacking.leavesMajority(order, this.#cluster.orders.length);
  }

  #disturbed(): Disturbed {
    const machines = this.#cluster.processes.map(({ machine }) => machine);
    const later = this.#later;
    return { schedule: this.#schedule, network: this.#network, sometimes: this.#sometimes, machines, later };
  }

  #harmDisk(kind: DiskFault, order: OrderMachine): void {
    const schedule = this.#schedule;
    const { orders } = this.#cluster;
    if (!isDamage(kind)) return harmDisk({ schedule, sometimes: this.#sometimes, orders }, kind, order);
    // While its process is down, as damage shows at a start.
    if (!this.#mayLack(order)) return;
    this.#lacking.damaged(order);
    const { process } = order;
    if (schedule.chance(0.5)) this.#cluster.losePower(process);
    else this.#cluster.kill(process);
    damage(schedule, this.#sometimes, kind, order);
    this.#revivedIn(process, schedule.random() * schedule.pick([100, 2_000, 15_000]));
  }

  #revivedIn(process: SimProcess, ms: number): void {
    const { life } = process.machine;
    this.#schedule.after(ms, () => {
      if (process.machine.life === life) this.#revive(process);
    });
  }

  #revive(process: SimProcess): void {
    const { machine } = process;
    machine.resume();
    machine.hasPower = true;
    this.#cluster.startProcess(process);
  }
}
