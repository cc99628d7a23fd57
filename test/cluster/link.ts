/**
 * One connection between a lease holder and one life of a replica: in order, and lossless while it lasts. A cut of the
 * network only delays what is under way; the end of either side, or a reset, loses it.
 */
import type { SimHolder } from "./holder.ts";
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

/** What front-end and leader say to each other (`src/wire/lease.ts`), positions told as indexes. */
export type ToLeader =
  | { readonly kind: "request"; readonly request: number; readonly session: number }
  | { readonly kind: "acknowledged"; readonly session: number; readonly index: number }
  | { readonly kind: "ended"; readonly session: number };

export type ToHolder =
  | {
      readonly kind: "grant";
      readonly request: number;
      readonly term: number;
      readonly session: number;
      readonly remainingMs: number;
      readonly start: number;
    }
  | { readonly kind: "invalidation"; readonly index: number; readonly before: number }
  | { readonly kind: "recall"; readonly session: number }
  | { readonly kind: "closed" };

/** One direction of a connection. */
export class Pipe<M> {
  readonly #world: World;
  readonly #from: number;
  readonly #to: number;
  readonly #deliver: (message: M) => void;
  #queue: { readonly at: number; readonly message: M }[] = [];
  #moving = false;

  constructor(world: World, from: number, to: number, deliver: (message: M) => void) {
    this.#world = world;
    this.#from = from;
    this.#to = to;
    this.#deliver = deliver;
  }

  send(message: M): void {
    const { scheduler } = this.#world;
    this.#queue.push({ at: scheduler.now + this.#world.delayMs(), message });
    this.#move();
  }

  /** What is under way is lost. */
  clear(): void {
    this.#queue = [];
  }

  #move(): void {
    const first = this.#queue[0];
    if (this.#moving || first === undefined) return;
    this.#moving = true;
    const { scheduler } = this.#world;
    const cut = this.#world.isCut(this.#from, this.#to);
    scheduler.after(cut ? 20 : Math.max(0, first.at - scheduler.now), () => {
      this.#moving = false;
      if (!this.#world.isCut(this.#from, this.#to)) {
        const next = this.#queue.shift();
        if (next !== undefined) this.#deliver(next.message);
      }
      this.#move();
    });
  }
}

export class Link {
  readonly holder: SimHolder;
  readonly replica: SimReplica;
  readonly #life: number;
  readonly #world: World;
  readonly #toLeader: Pipe<ToLeader>;
  readonly #toHolder: Pipe<ToHolder>;
  #closed = false;

  constructor(world: World, holder: SimHolder, replica: SimReplica) {
    this.#world = world;
    this.holder = holder;
    this.replica = replica;
    this.#life = replica.incarnation;
    this.#toLeader = new Pipe(world, holder.id, replica.id, (message) => {
      if (replica.incarnation === this.#life) replica.receiveFrom(this, message);
    });
    this.#toHolder = new Pipe(world, replica.id, holder.id, (message) => holder.receive(this, message));
  }

  sendToLeader(message: ToLeader): void {
    if (!this.#closed) this.#toLeader.send(message);
  }

  sendToHolder(message: ToHolder): void {
    this.replica.whenAwake(() => {
      if (!this.#closed) this.#toHolder.send(message);
    });
  }

  /** It is over; of what is under way all or nothing arrives. The leader's side need not be told: it would not act. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#world.scheduler.chance(0.5)) {
      this.#toLeader.clear();
      this.#toHolder.clear();
    }
    if (this.#world.broken === "ends with its connection" && this.replica.isRunning)
      this.replica.receiveFrom(this, { kind: "ended", session: Number.MAX_SAFE_INTEGER - 1 });
    this.#toHolder.send({ kind: "closed" });
  }
}
