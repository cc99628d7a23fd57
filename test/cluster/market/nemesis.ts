/** Who does harm to front-ends, catalogs and connections, beside the one who does it to the group. */
import { serviceFrames } from "../../../src/wire/service.ts";
import { drawLosses } from "../losses.ts";
import type { SimNetwork } from "../network.ts";
import type { Catalog } from "./catalog.ts";
import type { Frontend } from "./frontend.ts";
import type { Machine } from "./machine.ts";
import type { MarketWorld } from "./world.ts";

const kinds = ["pause", "kill", "cut", "reset", "behead", "stutter"] as const;
type Fault = (typeof kinds)[number];

export class MarketNemesis {
  readonly #world: MarketWorld;
  readonly #network: SimNetwork;
  readonly #victims: readonly (Frontend | Catalog)[];
  readonly #everyMs: number;
  readonly #faults: readonly Fault[];
  readonly #strike: number;
  /** Front-ends whose next grant is to be late. */
  readonly #armed = new Set<number>();
  #over = false;

  constructor(world: MarketWorld, network: SimNetwork, victims: readonly (Frontend | Catalog)[]) {
    this.#world = world;
    this.#network = network;
    this.#victims = victims;
    const { scheduler } = world;
    this.#everyMs = scheduler.pick([80, 250, 800]);
    this.#strike = scheduler.pick([0, 0.01, 0.05]);
    const drawn = kinds.filter(() => scheduler.chance(0.6));
    this.#faults = drawn.length > 0 ? drawn : kinds;
    this.#schedule();
  }

  /** Whoever is down starts again, whoever is paused wakes. */
  end(): void {
    this.#over = true;
    for (const victim of this.#victims) {
      victim.process.resume();
      victim.start();
    }
  }

  /** A frame is about to leave for a front-end or a catalog. */
  onFrame(kind: number, { id }: Machine): void {
    if (this.#over) return;
    const { scheduler } = this.#world;
    const isGrant = kind === serviceFrames.leaseGrant;
    if (isGrant && this.#armed.delete(id)) return this.#stutter(id);
    if (!isGrant && kind !== serviceFrames.invalidation) return;
    if (!scheduler.chance(this.#strike)) return;
    const victim = this.#victims.find(({ process }) => process.id === id);
    if (victim === undefined) return;
    const fault = scheduler.pick(this.#faults);
    // Not in the middle of somebody's turn.
    scheduler.after(scheduler.random() * 4, () => {
      if (!this.#over) this.#harm(fault, victim);
    });
  }

  #schedule(): void {
    const { scheduler } = this.#world;
    scheduler.after(scheduler.random() * 2 * this.#everyMs, () => {
      if (this.#over) return;
      this.#harm(scheduler.pick(this.#faults), scheduler.pick(this.#victims));
      this.#schedule();
    });
  }

  #harm(fault: Fault, victim: Frontend | Catalog): void {
    const { scheduler, connections } = this.#world;
    scheduler.trace(() => `== ${fault} ${victim.process.name}`);
    switch (fault) {
      case "pause":
        victim.process.pause();
        return this.#during(scheduler.pick([20, 100, 400, 1_500]), () => victim.process.resume());
      case "kill":
        victim.kill();
        return this.#during(scheduler.pick([5, 100, 1_000]), () => victim.start());
      case "cut":
        return this.#cut(victim.process.id);
      case "behead":
        this.#isolate(victim.process.id);
        return scheduler.after(scheduler.random() * 20, () => this.#killLeader());
      case "stutter":
        this.#armed.add(victim.process.id);
        return;
      case "reset": {
        const { open } = connections;
        if (open.length === 0) return;
        const { ownEnd, peerEnd } = scheduler.pick(open);
        return scheduler.pick([ownEnd, peerEnd]).close();
      }
    }
  }

  /** From all others or from one, in one direction or in both. */
  #cut(id: number): void {
    const { scheduler, members } = this.#world;
    const parties = [...members, ...this.#victims.map(({ process }) => process.id)];
    const others = parties.filter((other) => other !== id);
    const away = scheduler.chance(0.5) ? others : [scheduler.pick(others)];
    const direction = scheduler.pick(["out", "back", "both"]);
    for (const other of away) {
      if (direction !== "back") this.#network.cut(id, other);
      if (direction !== "out") this.#network.cut(other, id);
    }
    this.#during(scheduler.pick([50, 400, 2_000]), () => this.#network.heal());
  }

  #isolate(id: number): void {
    this.#cutOff(id, { heard: false });
    this.#during(800, () => this.#network.heal());
  }

  /** What was sent to it arrives late, and while nothing comes back; then it is alone again. */
  #stutter(id: number): void {
    const { scheduler } = this.#world;
    const steps = [
      { ms: scheduler.between(60, 240), run: () => this.#cutOff(id, { heard: true }) },
      { ms: 30, run: () => this.#cutOff(id, { heard: false }) },
      { ms: 300, run: () => {} },
    ];
    this.#cutOff(id, { heard: false });
    let at = 0;
    for (const { ms, run } of steps) {
      at += ms;
      scheduler.after(at, () => {
        if (this.#over) return;
        this.#network.heal();
        run();
      });
    }
  }

  /** Nobody hears it; `heard`: it hears the others. */
  #cutOff(id: number, { heard }: { readonly heard: boolean }): void {
    for (const other of [...this.#world.members, ...this.#victims.map(({ process }) => process.id)]) {
      this.#network.cut(id, other);
      if (!heard) this.#network.cut(other, id);
    }
  }

  /** And all others notice at once: somebody else leads before leases of the dead one are over. */
  #killLeader(): void {
    const world = this.#world;
    const leader = world.replicas.find(({ leads, isPaused }) => leads && !isPaused);
    if (leader === undefined || this.#over) return;
    leader.crash(drawLosses(world, leader, { cut: 0, loss: 0 }));
    for (const other of world.replicas)
      if (other !== leader) other.handle({ kind: "peer-gone", peer: leader.id });
    this.#during(2_000, () => {
      if (!leader.isRunning) leader.start();
    });
  }

  #during(ms: number, end: () => void): void {
    const { scheduler } = this.#world;
    scheduler.after(ms * scheduler.random(), () => {
      if (!this.#over) end();
    });
  }
}
