/**
 * Who does harm. Every history draws a profile of faults, most of them off: a history with one or two kinds of fault
 * reaches further into them than one with a little of everything (swarm testing).
 */
import { raftTimes } from "../../src/base/limits.ts";
import type { Effect } from "../../src/raft/effect.ts";
import type { Message } from "../../src/raft/message.ts";
import type { CrashRules } from "./disk.ts";
import type { SimNetwork } from "./network.ts";
import type { SimReplica, World } from "./replica.ts";

interface Profile {
  /** Milliseconds between faults, on average; 0: none at all. */
  readonly everyMs: number;
  readonly faults: readonly Fault[];
  /** How likely a fault strikes just when something delicate begins. */
  readonly strike: number;
  readonly cutAcknowledged: number;
}

const faultKinds = [
  "crash",
  "crash-all",
  "pause",
  "split",
  "one-way",
  "isolate",
  "weather",
  "stall",
  "hang",
] as const;
type Fault = (typeof faultKinds)[number];

export class Nemesis {
  readonly #world: World;
  readonly #network: SimNetwork;
  readonly #replicas: readonly SimReplica[];
  readonly #forgetsVotes: boolean;
  readonly #profile: Profile;
  #over = false;
  #spoiled = false;

  constructor(
    world: World,
    network: SimNetwork,
    replicas: readonly SimReplica[],
    options: { readonly faults: boolean; readonly forgetsVotes: boolean },
  ) {
    this.#world = world;
    this.#network = network;
    this.#replicas = replicas;
    this.#forgetsVotes = options.forgetsVotes;
    const { scheduler } = world;
    const share = scheduler.pick([0.25, 0.5, 1]);
    const faults = faultKinds.filter(() => scheduler.chance(share));
    this.#profile = {
      everyMs: options.faults ? scheduler.pick([60, 200, 500, 1_500]) : 0,
      faults: faults.length > 0 ? faults : faultKinds,
      strike: scheduler.pick([0, 0.05, 0.3]),
      cutAcknowledged: scheduler.pick([0, 0.3, 0.9]),
    };
    if (options.faults) this.#schedule();
  }

  /** End all faults: whoever is down starts again, whoever is paused wakes. */
  end(): void {
    this.#over = true;
    this.#network.calm();
    this.#world.stallChance = 0;
    for (const replica of this.#replicas) {
      if (replica.isRunning) replica.resume();
      else replica.start();
    }
  }

  onEvent(replica: SimReplica, effect: Effect): void {
    if (this.#over) return this.#spoilTransfer(replica, effect);
    if (this.#profile.everyMs === 0 || this.#profile.strike === 0) return;
    if (effect.kind === "send") return this.#freezeAfterSending(replica, effect.message);
    const delicate =
      effect.kind === "leadership" ||
      effect.kind === "truncated" ||
      (effect.kind === "noted" && effect.event.kind !== "quorum-lost") ||
      (effect.kind === "persist" && effect.hardState !== undefined);
    if (!delicate || !this.#world.scheduler.chance(this.#profile.strike)) return;
    this.#world.scheduler.after(this.#world.scheduler.random() * 4, () => {
      if (this.#over) return;
      if (this.#world.scheduler.chance(0.4)) this.#crash(replica);
      else this.#do(replica);
    });
  }

  /** One last harm when all others are over, because transfers are rare before: the leader's word is lost. */
  #spoilTransfer(replica: SimReplica, effect: Effect): void {
    if (effect.kind !== "noted" || effect.event.kind !== "transfer-started" || this.#spoiled) return;
    this.#spoiled = true;
    const { scheduler } = this.#world;
    if (this.#profile.everyMs === 0 || !scheduler.chance(0.2)) return;
    this.#network.cut(replica.id, effect.event.to);
    scheduler.after(raftTimes.electionTimeoutMinMs + 100, () => this.#network.heal());
  }

  /** Stopped between a question and its answers, a leader wakes to answers that prove nothing any more. */
  #freezeAfterSending(replica: SimReplica, message: Message): void {
    const { scheduler } = this.#world;
    if (message.kind !== "append" || !scheduler.chance(this.#profile.strike * 0.05)) return;
    scheduler.after(0, () => {
      if (!this.#over) this.#pause(replica, 300 + scheduler.random() * 1_200);
    });
  }

  #pause(replica: SimReplica, ms: number): void {
    if (!replica.isRunning || replica.isPaused) return;
    replica.pause();
    this.#during(ms, () => replica.resume());
  }

  #schedule(): void {
    const { scheduler } = this.#world;
    scheduler.after(scheduler.random() * 2 * this.#profile.everyMs, () => {
      if (this.#over) return;
      this.#do(scheduler.pick(this.#replicas));
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
    const { scheduler } = world;
    const network = this.#network;
    const fault = scheduler.pick(this.#profile.faults);
    scheduler.trace(() => `== ${fault} ${replica.id}`);
    switch (fault) {
      case "crash":
        return this.#crash(replica);
      case "crash-all":
        if (!scheduler.chance(0.3)) return this.#crash(replica);
        world.sometimes.saw("all crashed at once");
        for (const each of this.#replicas) this.#crash(each);
        return;
      case "pause":
        return this.#pause(replica, scheduler.pick([20, 100, 400, 1_500]) * scheduler.random());
      case "split": {
        const side = this.#replicas.map(() => scheduler.chance(0.5));
        this.#cutWhere((from, to) => side[from] !== side[to]);
        return;
      }
      case "one-way": {
        const share = scheduler.pick([0.2, 0.5]);
        this.#cutWhere(() => scheduler.chance(share));
        return;
      }
      case "isolate": {
        const alone = this.#replicas.indexOf(replica);
        const [out, back] = scheduler.pick([
          [true, true] as const,
          [true, false] as const,
          [false, true] as const,
        ]);
        this.#cutWhere((from, to) => (out && from === alone) || (back && to === alone));
        return;
      }
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
        replica.hangDisk(scheduler.pick([300, 1_000, 8_000]) * scheduler.random());
        return;
    }
  }

  #cutWhere(rule: (from: number, to: number) => boolean): void {
    const { scheduler } = this.#world;
    this.#network.heal();
    for (const [i, from] of this.#replicas.entries()) {
      for (const [j, to] of this.#replicas.entries()) {
        if (i !== j && rule(i, j)) this.#network.cut(from.id, to.id);
      }
    }
    this.#during(scheduler.pick([100, 500, 2_000]) * scheduler.random(), () => this.#network.heal());
  }

  #crash(replica: SimReplica): void {
    const { scheduler } = this.#world;
    if (!replica.isRunning) return;
    // One fault of a disk at a time: another replica's loss must have been made good.
    const free = this.#replicas.every((other) => other === replica || other.disk.lost.length === 0);
    const again = replica.disk.lost.length > 0;
    const rules: CrashRules = {
      // A group of one has no other copy.
      cutAcknowledged:
        this.#replicas.length > 1 && free && !again && scheduler.chance(this.#profile.cutAcknowledged),
      forgetsVotes: this.#forgetsVotes,
    };
    replica.crash(rules);
    for (const other of this.#replicas) {
      if (other === replica || this.#network.isCut(replica.id, other.id) || !scheduler.chance(0.6)) continue;
      scheduler.after(0.2 + scheduler.random() * scheduler.pick([2, 100]), () => {
        other.handle({ kind: "peer-gone", peer: replica.id });
      });
    }
    this.#during(scheduler.pick([5, 100, 1_000]) * scheduler.random(), () => {
      if (!replica.isRunning) replica.start();
    });
  }
}
