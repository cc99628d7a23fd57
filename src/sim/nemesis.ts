/**
 * Does harm, as the seed draws it: which kinds of faults a history has, how often, and whether they fall where they
 * hurt most. Whatever is promised only for a minority of the order replicas is done only to a minority at a time.
 */
import type { OrderMachine, SimCluster } from "./cluster.ts";
import { conspire } from "./conspiracy.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./process.ts";
import { drawProfile, type FaultKind, type Profile } from "./profiles.ts";
import type { Schedule } from "./schedule.ts";
import { slumber } from "./slumber.ts";
import type { Sometimes } from "./sometimes.ts";

/** What a disk may fail to do, the most frequent thing first and twice. */
const failing = [
  "fdatasync",
  "fdatasync",
  "pwrite",
  "fsync",
  "syncDirectory",
  "rename",
  "open",
  "pread",
] as const;
/** So long after it was said to be whole again, a replica that was damaged counts as one that can be relied on. */
const wholeForMs = 3_000;

interface Mark {
  wholeSince: number | undefined;
}

export class Nemesis {
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #cluster: SimCluster;
  readonly #sometimes: Sometimes;
  readonly #profile: Profile;
  readonly #whenAnswered: (() => void)[] = [];
  /** Replicas whose disk was damaged, or that lost their power: each may lack what it acknowledged until it is whole. */
  readonly #damaged = new Map<OrderMachine, Mark>();
  readonly #shaken = new Map<OrderMachine, Mark>();
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
    for (const { disk } of orders) {
      disk.slow(1);
      disk.setFreeBytes(Number.POSITIVE_INFINITY);
    }
    for (const order of orders) this.#store(order).full = false;
    for (const process of processes) this.#revive(process);
  }

  /** Whether no replica lacks anything. */
  get areWhole(): boolean {
    return this.#damaged.size + this.#shaken.size === 0;
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

  /** Who was damaged, and is whole by now. */
  #look(): void {
    this.#schedule.after(500, () => {
      this.#lookAt(this.#damaged);
      this.#lookAt(this.#shaken);
      if (!this.#over) this.#look();
    });
  }

  #lookAt(marked: Map<OrderMachine, Mark>): void {
    const { now } = this.#schedule;
    for (const [order, mark] of marked) {
      const status = order.process.running?.status();
      const isWhole = status !== undefined && status.state !== "recovering" && status.inDoubt !== true;
      if (!isWhole) mark.wholeSince = undefined;
      else mark.wholeSince ??= now;
      if (mark.wholeSince !== undefined && now - mark.wholeSince > wholeForMs) marked.delete(order);
    }
  }

  /** Whether a majority is left that lacks nothing, if this one may lack something too. */
  #leavesMajority(order: OrderMachine): boolean {
    // One more may be needed in a moment than is now.
    if (this.#isChanging()) return false;
    const lacking = new Set([...this.#damaged.keys(), ...this.#shaken.keys(), order]);
    return lacking.size * 2 < this.#cluster.orders.length;
  }

  #store(order: OrderMachine) {
    return order.disk.store(order.directory);
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
        return this.#disturb(kind, process.machine);
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
      if (this.#damaged.size > 0 && !this.#leavesMajority(order)) return;
      this.#shaken.set(order, { wholeSince: undefined });
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

  #disturb(
    kind: "split" | "cut off" | "cut one way" | "slow" | "weather" | "mangle",
    machine: Machine,
  ): void {
    const schedule = this.#schedule;
    const network = this.#network;
    const machines = this.#cluster.processes.map((process) => process.machine);
    const ms = schedule.random() * schedule.pick([200, 1_000, 4_000, 15_000]);
    const { weather } = network;
    switch (kind) {
      case "split": {
        this.#sometimes.saw("the network was split");
        const side = new Map(machines.map((one) => [one, schedule.chance(0.5)]));
        for (const from of machines) {
          for (const to of machines) if (side.get(from) !== side.get(to)) network.cut(from, to);
        }
        break;
      }
      case "cut off":
        this.#sometimes.saw("a machine was cut off");
        for (const other of machines) {
          if (other === machine) continue;
          network.cut(machine, other);
          network.cut(other, machine);
        }
        break;
      case "cut one way": {
        this.#sometimes.saw("a way was cut in one direction");
        const outward = schedule.chance(0.5);
        const share = schedule.pick([0.4, 1]);
        for (const other of machines) {
          if (other === machine || !schedule.chance(share)) continue;
          if (outward) network.cut(machine, other);
          else network.cut(other, machine);
        }
        break;
      }
      case "slow":
        this.#sometimes.saw("a connection was slow");
        network.slow(machine, schedule.random() * schedule.pick([20, 200, 1_000]));
        break;
      case "weather":
        this.#sometimes.saw("messages were lost and sent again");
        weather.slowMs = schedule.pick([0.6, 5, 60]);
        weather.clogChance = schedule.pick([0, 0.01, 0.1]);
        weather.clogMs = schedule.pick([50, 1_000]);
        weather.lossChance = schedule.pick([0, 0.01, 0.1]);
        break;
      case "mangle":
        this.#sometimes.saw("messages of the log were dropped, doubled or overtaken");
        weather.dropChance = schedule.pick([0, 0.02, 0.3]);
        weather.doubleChance = schedule.pick([0, 0.05, 0.3]);
        weather.overtakeChance = schedule.pick([0, 0.05, 0.3]);
        weather.lateMs = schedule.pick([0, 30, 300, 2_000]);
        break;
    }
    schedule.after(ms, () => {
      if (this.#over) return;
      if (kind === "weather" || kind === "mangle") network.calm();
      else network.heal();
    });
  }

  #harmDisk(kind: FaultKind, order: OrderMachine): void {
    const schedule = this.#schedule;
    const { disk } = order;
    switch (kind) {
      case "hang disk":
        this.#sometimes.saw("a disk hung");
        return disk.hang(schedule.random() * schedule.pick([200, 1_000, 6_000]));
      case "slow disk":
        this.#sometimes.saw("a disk was slow");
        disk.slow(schedule.pick([3, 20]));
        schedule.after(schedule.random() * 5_000, () => disk.slow(1));
        return;
      case "fail sync":
        this.#sometimes.saw("a sync failed");
        order.diskFailed = true;
        if (schedule.chance(0.2)) return this.#store(order).failWrite();
        return disk.failNext(schedule.pick(failing));
      case "fill disk":
        return this.#fill(order);
      default:
        return this.#damage(kind, order);
    }
  }

  /** For a while nothing more fits; now and then on every machine. */
  #fill(order: OrderMachine): void {
    const schedule = this.#schedule;
    this.#sometimes.saw("a disk was full");
    const victims = schedule.chance(0.2) ? this.#cluster.orders : [order];
    for (const victim of victims) {
      victim.disk.setFreeBytes(schedule.pick([0, 10_000, 100_000]));
      if (schedule.chance(0.5)) this.#store(victim).full = true;
    }
    schedule.after(500 + schedule.random() * 5_000, () => {
      for (const victim of victims) {
        victim.disk.setFreeBytes(Number.POSITIVE_INFINITY);
        this.#store(victim).full = false;
      }
    });
  }

  /** While its process is down, as damage shows at a start. */
  #damage(kind: FaultKind, order: OrderMachine): void {
    if (!this.#leavesMajority(order)) return;
    const { schedule, process, disk } = {
      schedule: this.#schedule,
      process: order.process,
      disk: order.disk,
    };
    this.#damaged.set(order, { wholeSince: undefined });
    if (schedule.chance(0.5)) this.#cluster.losePower(process);
    else this.#cluster.kill(process);
    switch (kind) {
      case "flip bit":
        if (disk.flipBit(schedule.chance(0.4) ? "last-record" : "middle") !== undefined) {
          this.#sometimes.saw("a bit was flipped in a log");
        }
        break;
      case "cut log":
        if (disk.truncate(schedule.between(1, 200)) !== undefined) this.#sometimes.saw("a log was cut short");
        break;
      case "lose log":
        this.#sometimes.saw("a log was lost");
        disk.wipe(`${order.directory}/log`);
        break;
      case "damage database":
        this.#sometimes.saw("a database was damaged");
        this.#store(order).damage();
        break;
      case "empty disk":
        this.#sometimes.saw("a disk was emptied");
        disk.wipe();
        break;
      default:
        break;
    }
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
