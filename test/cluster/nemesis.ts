/**
 * Who does harm. Every history draws a profile of faults, most of them off: a history with one or two kinds of fault
 * reaches further into them than one with a little of everything (swarm testing).
 */
import { raftTimes } from "../../src/base/limits.ts";
import type { Effect } from "../../src/raft/effect.ts";
import type { Message } from "../../src/raft/message.ts";
import type { SimHolder } from "./holder.ts";
import { drawLosses, type LossProfile } from "./losses.ts";
import type { SimNetwork } from "./network.ts";
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

interface Profile {
  /** Milliseconds between faults, on average; 0: none at all. */
  readonly everyMs: number;
  readonly faults: readonly Fault[];
  /** How likely a fault strikes just when something delicate begins. */
  readonly strike: number;
  readonly losses: LossProfile;
}

const replicaFaults = [
  "crash",
  "crash-all",
  "pause",
  "split",
  "one-way",
  "isolate",
  "weather",
  "stall",
  "hang",
  "lose-store",
] as const;
/** These delay writes by a lease, and do nothing else to the group. */
const holderFaults = ["holder-crash", "holder-pause", "disconnect"] as const;
const faultKinds = [...replicaFaults, ...holderFaults, "holder-cut"] as const;
type Fault = (typeof faultKinds)[number];

export class Nemesis {
  readonly #world: World;
  readonly #network: SimNetwork;
  readonly #profile: Profile;
  #over = false;
  #spoiled = false;

  constructor(world: World, network: SimNetwork, harms: boolean) {
    this.#world = world;
    this.#network = network;
    const { scheduler } = world;
    const share = scheduler.pick([0.25, 0.5, 1]);
    const drawn = faultKinds.filter(() => scheduler.chance(share));
    const spares = scheduler.chance(0.1);
    const faults = spares ? holderFaults : drawn;
    this.#profile = {
      everyMs: harms ? scheduler.pick([60, 200, 500, 1_500]) : 0,
      faults: faults.length > 0 ? faults : faultKinds,
      strike: spares ? 0 : scheduler.pick([0, 0.05, 0.3]),
      losses: { cut: scheduler.pick([0, 0.3, 0.9]), loss: scheduler.pick([0, 0.1, 0.4]) },
    };
    if (harms) this.#schedule();
  }

  /** Whether nothing happens to the replicas themselves, nor between them. */
  get sparesReplicas(): boolean {
    const { everyMs, faults } = this.#profile;
    return everyMs === 0 || faults === holderFaults;
  }

  /** End all faults: whoever is down starts again, whoever is paused wakes; a holder may be gone for good. */
  end(): void {
    const { scheduler, replicas, holders } = this.#world;
    this.#over = true;
    this.#network.calm();
    this.#world.stallChance = 0;
    for (const replica of replicas) {
      replica.hangDisk(0);
      if (replica.isRunning) replica.resume();
      else if (replica.wanted) replica.start();
    }
    for (const holder of holders) {
      if (holder.isRunning) holder.resume();
      else if (scheduler.chance(0.7)) holder.start();
    }
  }

  onEvent(replica: SimReplica, effect: Effect): void {
    if (this.#over) return this.#spoilTransfer(replica, effect);
    const { strike, everyMs } = this.#profile;
    if (everyMs === 0 || strike === 0) return;
    if (effect.kind === "send") return this.#freezeAfterSending(replica, effect.message);
    if (effect.kind === "lease-granted") return this.#freezeBeforeGrant(replica);
    const delicate =
      effect.kind === "leadership" ||
      effect.kind === "truncated" ||
      effect.kind === "reset" ||
      effect.kind === "recovered" ||
      effect.kind === "leases-recalled" ||
      (effect.kind === "noted" && effect.event.kind !== "quorum-lost") ||
      (effect.kind === "persist" && effect.hardState !== undefined);
    if (!delicate || !this.#world.scheduler.chance(strike)) return;
    this.#world.scheduler.after(this.#world.scheduler.random() * 4, () => {
      if (this.#over) return;
      if (this.#world.scheduler.chance(0.4)) this.#crash(replica);
      else this.#do(replica);
    });
  }

  /** Between a state's installation and the log's joining it. */
  onInstalled(replica: SimReplica): void {
    const { strike, everyMs } = this.#profile;
    if (this.#over || everyMs === 0 || !this.#world.scheduler.chance(2 * strike)) return;
    this.#crash(replica);
  }

  /** One last harm when all others are over, because transfers are rare before: the leader's word is lost. */
  #spoilTransfer(replica: SimReplica, effect: Effect): void {
    if (effect.kind !== "noted" || effect.event.kind !== "transfer-started" || this.#spoiled) return;
    // Only the last one: what comes behind it has the time that a spoiled transfer takes.
    if (effect.event.to !== replica.running.log.members?.findLast(({ role }) => role === "voter")?.id) return;
    this.#spoiled = true;
    const { scheduler } = this.#world;
    if (this.#profile.everyMs === 0 || !scheduler.chance(0.3)) return;
    const ms = 2 * raftTimes.electionTimeoutMinMs + 100;
    // Or it comes when the leader has changed its mind.
    if (scheduler.chance(0.5)) return this.#network.hold(replica.id, effect.event.to, ms + 300);
    this.#network.cut(replica.id, effect.event.to);
    scheduler.after(ms, () => this.#network.heal());
  }

  /** Stopped between a question and its answers, a leader wakes to answers that prove nothing any more. */
  #freezeAfterSending(replica: SimReplica, message: Message): void {
    const { scheduler } = this.#world;
    if (message.kind !== "append" || !scheduler.chance(this.#profile.strike * 0.05)) return;
    scheduler.after(0, () => {
      if (!this.#over) this.#pause(replica, 300 + scheduler.random() * 1_200);
    });
  }

  /** Stopped with a grant in its hands, it sends what has nearly run out, or has. */
  #freezeBeforeGrant(replica: SimReplica): void {
    const { scheduler, sometimes } = this.#world;
    if (!scheduler.chance(this.#profile.strike * 0.02)) return;
    sometimes.saw("a leader was stopped between a grant and its sending");
    this.#pause(replica, scheduler.pick([50, 300, 1_000]) * scheduler.random());
  }

  #pause(process: SimReplica | SimHolder, ms: number): void {
    if (!process.isRunning || process.isPaused) return;
    process.pause();
    this.#during(ms, () => process.resume());
  }

  #schedule(): void {
    const { scheduler, replicas } = this.#world;
    scheduler.after(scheduler.random() * 2 * this.#profile.everyMs, () => {
      if (this.#over) return;
      this.#do(scheduler.pick(replicas));
      this.#schedule();
    });
  }

  /** Something that ends by itself, unless the history ends it first. */
  #during(ms: number, end: () => void): void {
    this.#world.scheduler.after(ms, () => {
      if (!this.#over) end();
    });
  }

  #do(replica: SimReplica): void {
    const world = this.#world;
    const { scheduler, replicas } = world;
    const network = this.#network;
    const fault = scheduler.pick(this.#profile.faults);
    scheduler.trace(() => `== ${fault} ${replica.id}`);
    switch (fault) {
      case "crash":
        return this.#crash(replica);
      case "crash-all":
        if (!scheduler.chance(0.3)) return this.#crash(replica);
        world.sometimes.saw("all crashed at once");
        for (const each of replicas) this.#crash(each);
        return;
      case "pause":
        return this.#pause(replica, scheduler.pick([20, 100, 400, 1_500]) * scheduler.random());
      case "split": {
        const parties = this.#parties();
        const side = new Map(parties.map((id) => [id, scheduler.chance(0.5)]));
        return this.#cutWhere(parties, (from, to) => side.get(from) !== side.get(to));
      }
      case "one-way": {
        const share = scheduler.pick([0.2, 0.5]);
        return this.#cutWhere(this.#parties(), () => scheduler.chance(share));
      }
      case "isolate":
        return this.#isolate(replica.id);
      case "weather":
        network.loss = scheduler.pick([0, 0, 0.05, 0.3]);
        network.duplication = scheduler.pick([0, 0.1, 0.5]);
        network.slowness = scheduler.pick([0, 0.05, 0.3]);
        network.slowMs = scheduler.pick([20, 300, 1_500, 5_000]);
        return;
      case "stall":
        world.stallChance = scheduler.pick([0, 0.05, 0.3]);
        world.stallMs = scheduler.pick([30, 300, 1_500]);
        return;
      case "hang":
        return replica.hangDisk(scheduler.pick([300, 1_000, 8_000]) * scheduler.random());
      case "lose-store":
        return this.#loseStoreAhead();
      default:
        if (world.holders.length > 0) this.#harmHolder(fault, scheduler.pick(world.holders), replica);
    }
  }

  #harmHolder(
    fault: (typeof holderFaults)[number] | "holder-cut",
    holder: SimHolder,
    replica: SimReplica,
  ): void {
    const { scheduler } = this.#world;
    switch (fault) {
      case "holder-crash":
        holder.crash();
        return this.#during(scheduler.pick([5, 100, 1_000]) * scheduler.random(), () => holder.start());
      case "holder-pause":
        return this.#pause(holder, scheduler.pick([20, 100, 400, 1_500]) * scheduler.random());
      case "holder-cut":
        return this.#isolate(holder.id);
      case "disconnect":
        return holder.disconnect(replica.id);
    }
  }

  /** Everyone, or the replicas alone. */
  #parties(): readonly number[] {
    const { scheduler, members, holders } = this.#world;
    return scheduler.chance(0.5) ? members : [...members, ...holders.map(({ id }) => id)];
  }

  #isolate(alone: number): void {
    const [out, back] = this.#world.scheduler.pick([
      [true, true] as const,
      [true, false] as const,
      [false, true] as const,
    ]);
    const { members, holders } = this.#world;
    const parties = [...members, ...holders.map(({ id }) => id)];
    this.#cutWhere(parties, (from, to) => (out && from === alone) || (back && to === alone));
  }

  #cutWhere(parties: readonly number[], rule: (from: number, to: number) => boolean): void {
    const { scheduler } = this.#world;
    this.#network.heal();
    for (const from of parties) {
      for (const to of parties) if (from !== to && rule(from, to)) this.#network.cut(from, to);
    }
    this.#during(scheduler.pick([100, 500, 2_000]) * scheduler.random(), () => this.#network.heal());
  }

  /** A leader writes what nobody else has, and loses its store: it may have to lead again, without a state. */
  #loseStoreAhead(): void {
    const leader = this.#world.replicas.find(({ leads }) => leads);
    if (leader === undefined) return;
    this.#isolate(leader.id);
    this.#during(50, () => this.#crash(leader, { ...this.#profile.losses, loss: 1, only: "store" }));
  }

  #crash(replica: SimReplica, losses = this.#profile.losses): void {
    const { scheduler, replicas, sometimes } = this.#world;
    if (!replica.isRunning) return;
    replica.crash(drawLosses(this.#world, replica, losses));
    const inDoubt = replicas.some(({ disk }) => disk.doubtful && !disk.recovering);
    if (inDoubt && replicas.some(({ disk }) => disk.recovering))
      sometimes.saw("a doubtful and a recovering replica at once");
    if (replicas.filter(({ disk }) => disk.recovering).length > 1) sometimes.saw("several recovered at once");
    for (const other of replicas) {
      if (other === replica || this.#network.isCut(replica.id, other.id) || !scheduler.chance(0.6)) continue;
      scheduler.after(0.2 + scheduler.random() * scheduler.pick([2, 100]), () => {
        other.handle({ kind: "peer-gone", peer: replica.id });
      });
    }
    this.#during(scheduler.pick([5, 100, 1_000]) * scheduler.random(), () => {
      if (!replica.isRunning && replica.wanted) replica.start();
    });
  }
}
