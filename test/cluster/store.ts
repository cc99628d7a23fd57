/**
 * One replica's store, as far as the log is concerned: the index that its state includes, durably, and the copying of
 * another replica's state into it. A copy takes its time, breaks off when either end dies or the link between them
 * does, and is then begun again; the state is installed *before* the log hears of it, and a crash may come between.
 */
import { present } from "../../src/base/assert.ts";
import { logIndex } from "../../src/base/units.ts";
import type { LogBase } from "../../src/raft/log-view.ts";
import { baseAt } from "./disk.ts";
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

/** What is durable. */
export class SimStore {
  /** What the state includes; nothing at 0. */
  included: LogBase = baseAt(0, 0);
  /** A copy was begun and is not installed. */
  copying = false;

  get index(): number {
    return this.included.index;
  }

  /** What it includes when it includes the entry at `index`. Whatever the log hands out again changes nothing. */
  apply(index: number, term: number): void {
    if (index > this.index) this.included = baseAt(index, term);
  }

  lose(): void {
    this.included = baseAt(0, 0);
    this.copying = false;
  }
}

/**
 * A store trails what is handed out, by what it has not flushed; behind what it has, the log may be compacted, now and
 * then. Returns where the log begins now, if it was.
 */
export function applyAndCompact(
  world: World,
  { store, disk, running }: SimReplica,
  through: number,
): LogBase | undefined {
  const { scheduler, compaction, sometimes } = world;
  if (store.index < disk.base.index) return undefined;
  if (through > store.index) {
    const flushed = scheduler.chance(0.5) ? through : scheduler.between(store.index, through);
    store.apply(flushed, present(running.log.termAt(logIndex(flushed)), "the term of what is applied"));
  }
  if (disk.behind || !scheduler.chance(compaction.chance)) return undefined;
  const most = Math.min(store.index, running.delivered, disk.compactable) - compaction.kept;
  if (most <= disk.base.index) return undefined;
  const index = scheduler.between(disk.base.index + 1, most);
  const base = baseAt(index, present(disk.termAt(index), "an entry on disk"));
  disk.compact(base);
  sometimes.saw("a log was compacted");
  return base;
}

/** Gets a state for one life of a replica. */
export class Copier {
  readonly #world: World;
  readonly #replica: SimReplica;
  readonly #life: number;
  /** The state must include this. */
  #through = 0;
  #active = false;

  constructor(world: World, replica: SimReplica) {
    this.#world = world;
    this.#replica = replica;
    this.#life = replica.incarnation;
  }

  get isActive(): boolean {
    return this.#active;
  }

  /** The log cannot go on without a state that includes `through`. */
  want(through: number): void {
    const { disk, store } = this.#replica;
    // Nothing older than what there is.
    this.#through = Math.max(this.#through, through, disk.base.index, store.index);
    if (this.#active) return;
    this.#active = true;
    disk.behind = true;
    this.#later(5, () => {
      this.#replica.handle({ kind: "state", present: false });
      this.#copy();
    });
  }

  #copy(): void {
    const { scheduler, sometimes } = this.#world;
    const source = this.#source();
    if (source === undefined) return this.#later(50, () => this.#copy());
    // What the store had is of no use once a copy begins, and not before.
    this.#replica.store.lose();
    this.#replica.store.copying = true;
    const { incarnation } = source;
    const state = source.store.included;
    scheduler.trace(() => `${this.#replica.id} copies ${state.index} from ${source.id}`);
    this.#later(this.#world.copyMs, () => {
      const alive = source.isRunning && source.incarnation === incarnation && !source.store.copying;
      const connected =
        !this.#world.isCut(source.id, this.#replica.id) && !this.#world.isCut(this.#replica.id, source.id);
      if (alive && connected) return this.#install(state);
      sometimes.saw("a copy broke off");
      this.#copy();
    });
  }

  #source(): SimReplica | undefined {
    const sources = this.#world.replicas.filter(
      ({ id, isRunning, isPaused, store }) =>
        id !== this.#replica.id && isRunning && !isPaused && !store.copying && store.index >= this.#through,
    );
    return sources.length === 0 ? this.#flushedSource() : this.#world.scheduler.pick(sources);
  }

  /** One who could be a source, had it written what it has applied: in the end it does, with nothing more to apply. */
  #flushedSource(): SimReplica | undefined {
    const source = this.#world.replicas.find(
      (each) =>
        each.id !== this.#replica.id &&
        each.isRunning &&
        !each.isPaused &&
        !each.store.copying &&
        each.store.index >= each.disk.base.index &&
        each.running.delivered >= this.#through,
    );
    if (source === undefined) return undefined;
    const { delivered, log } = source.running;
    source.store.apply(delivered, present(log.termAt(delivered), "the term of what is applied"));
    return source;
  }

  #install(state: LogBase): void {
    const { store } = this.#replica;
    store.included = state;
    store.copying = false;
    this.#world.scheduler.trace(() => `${this.#replica.id} installs ${state.index}`);
    this.#world.onInstalled(this.#replica);
    this.#later(5, () => {
      this.#active = false;
      this.#through = 0;
      this.#replica.handle({ kind: "restored", base: state });
    });
  }

  /** Something of this life, when it is not stopped. */
  #later(ms: number, run: () => void): void {
    const { scheduler } = this.#world;
    scheduler.after(scheduler.random() * ms, () => {
      const replica = this.#replica;
      if (!replica.isRunning || replica.incarnation !== this.#life) return;
      if (replica.isPaused) this.#later(20, run);
      else run();
    });
  }
}
