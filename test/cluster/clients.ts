/** Who proposes and reads while a history lasts. */
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

const big = new ArrayBuffer(4 * 1024 * 1024);

export class Clients {
  readonly #world: World;
  readonly #bigShare: number;
  #reads = 0;
  #stopped = false;

  constructor(world: World) {
    this.#world = world;
    this.#bigShare = world.scheduler.pick([0, 0, 0.3]);
  }

  get haveStopped(): boolean {
    return this.#stopped;
  }

  start(): void {
    const { scheduler } = this.#world;
    const everyMs = scheduler.pick([3, 15, 60]);
    const act = () => {
      if (this.#stopped) return;
      const replica = this.#anyOf();
      if (scheduler.chance(0.3)) this.read(replica);
      else this.propose(replica);
      scheduler.after(scheduler.random() * 2 * everyMs, act);
    };
    scheduler.after(everyMs, act);
  }

  stop(): void {
    this.#stopped = true;
  }

  propose(replica: SimReplica): void {
    const { scheduler } = this.#world;
    const length = scheduler.chance(this.#bigShare)
      ? scheduler.between(1, big.byteLength)
      : scheduler.between(1, 40);
    replica.handle({ kind: "propose", payload: new Uint8Array(big, 0, length) });
  }

  read(replica: SimReplica): void {
    replica.read(++this.#reads);
  }

  /** Mostly one who believes that it leads: there may be several. */
  #anyOf(): SimReplica {
    const { scheduler, replicas } = this.#world;
    const leaders = replicas.filter((replica) => replica.leads);
    return scheduler.pick(leaders.length > 0 && scheduler.chance(0.9) ? leaders : replicas);
  }
}
