/**
 * One simulated replica: the core, its disk, and the driver that carries out the core's effects. A crash ends its
 * life and forgets all but the disk; a pause stops it, while messages and completed writes queue up before it.
 */
import { assert, present } from "../../src/base/assert.ts";
import { type LogIndex, logIndex, type ReplicaId } from "../../src/base/units.ts";
import { describeEffect, describeInput } from "../../src/raft/describe.test-support.ts";
import type { Effect, Input } from "../../src/raft/effect.ts";
import { LogView, type TermRun } from "../../src/raft/log-view.ts";
import type { Message } from "../../src/raft/message.ts";
import { createRaft, type Raft } from "../../src/raft/raft.ts";
import { step } from "../../src/raft/step.ts";
import { type CrashRules, SimDisk } from "./disk.ts";
import type { Invariants } from "./invariants.ts";
import { Observer } from "./observe.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Sometimes } from "./sometimes.ts";

/** What a replica needs of the world around it. */
export interface World {
  readonly scheduler: Scheduler;
  readonly sometimes: Sometimes;
  readonly invariants: Invariants;
  readonly members: readonly ReplicaId[];
  /** Bytes of recent entries in memory. */
  readonly tailBytes: number;
  /** How long writes take: now and then one takes `stallMs` instead. */
  diskMs: number;
  stallChance: number;
  stallMs: number;
  send(message: Message): void;
  /** Something that faults like to strike at has begun. */
  onEvent(replica: SimReplica, effect: Effect): void;
}

export class SimReplica {
  readonly id: ReplicaId;
  readonly disk = new SimDisk();
  readonly #world: World;
  readonly #observer: Observer;
  #raft: Raft | undefined;
  #incarnation = 0;
  #paused = false;
  #inbox: Input[] = [];
  #diskBusy = false;
  #diskHangsUntil = 0;
  /** What its store has applied for good; the rest is handed out again after a restart. */
  #applied = 0;
  /** Reads that are under way, and what each of them must see. */
  readonly #reads = new Map<number, number>();

  constructor(id: ReplicaId, world: World) {
    this.id = id;
    this.#world = world;
    this.#observer = new Observer(world.sometimes);
  }

  get isRunning(): boolean {
    return this.#raft !== undefined;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get running(): Raft {
    return present(this.#raft, `replica ${this.id} runs`);
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  get isReading(): boolean {
    return this.#reads.size > 0;
  }

  get leads(): boolean {
    return this.#raft?.role === "leader";
  }

  start(): void {
    assert(this.#raft === undefined, "a replica starts once a life");
    const { scheduler, members, tailBytes } = this.#world;
    const { disk } = this;
    const last = disk.lastIndex;
    const runs: TermRun[] = [];
    for (const { index, term } of disk.entries)
      if (runs.at(-1)?.term !== term) runs.push({ from: index, term });
    const tail = disk.entries.slice(scheduler.between(0, last));
    const log = new LogView(runs, logIndex(last), tail, tailBytes);
    this.#incarnation++;
    const commit = logIndex(this.#applied);
    const restored = { hardState: disk.hardState, log, commit, doubtful: disk.doubtful };
    const config = { id: this.id, members, incarnation: this.#incarnation, random: scheduler.random };
    this.#raft = createRaft(config, restored, scheduler.now);
    scheduler.trace(
      () =>
        `${this.id} starts as incarnation ${this.#incarnation}, log ${last}${disk.doubtful ? ", doubtful" : ""}`,
    );
    this.#world.invariants.started(this.#raft);
    this.#scheduleTick();
  }

  crash(rules: CrashRules): void {
    const { scheduler, sometimes } = this.#world;
    this.#raft = undefined;
    this.#paused = false;
    this.#inbox = [];
    this.#diskBusy = false;
    this.#reads.clear();
    this.disk.crash(scheduler, rules);
    if (this.disk.lost.length > 0) sometimes.saw("acknowledged entries lost with a cut tail");
    scheduler.trace(
      () => `${this.id} crashes, disk keeps ${this.disk.lastIndex}, lost ${this.disk.lost.length}`,
    );
  }

  pause(): void {
    this.#paused = true;
    this.#world.scheduler.trace(() => `${this.id} is paused`);
  }

  resume(): void {
    const { scheduler, sometimes } = this.#world;
    if (!this.#paused) return;
    this.#paused = false;
    scheduler.trace(() => `${this.id} wakes`);
    const inbox = interleave(this.#inbox, scheduler);
    this.#inbox = [];
    const tickFirst = scheduler.chance(0.5);
    if (tickFirst) this.handle({ kind: "tick" });
    if (inbox.length > 0) sometimes.saw(tickFirst ? "woken by a tick first" : "woken by messages first");
    for (const input of inbox) this.handle(input);
    if (!tickFirst) this.handle({ kind: "tick" });
  }

  /** Ask for a read point, which must be at or behind everything that anyone has delivered so far. */
  read(id: number): void {
    if (this.#raft === undefined) return;
    this.#reads.set(id, this.#world.invariants.deliveredMax);
    this.handle({ kind: "read", id });
  }

  handle(input: Input): void {
    const { scheduler, invariants } = this.#world;
    const raft = this.#raft;
    if (raft === undefined) return;
    if (this.#paused) {
      this.#inbox.push(input);
      return;
    }
    if (input.kind !== "tick") scheduler.trace(() => `${this.id} <- ${describeInput(input)}`);
    this.#observer.before(raft, input);
    const before = invariants.before(raft);
    const effects = step(raft, scheduler.now, input);
    scheduler.note(raft.term * 64 + raft.log.lastIndex * 8 + raft.commit + effects.length);
    invariants.after(this, before, input, effects);
    this.#observer.after(raft, input, effects);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const { scheduler, invariants } = this.#world;
    if (effect.kind !== "send")
      scheduler.trace(() => `    ${this.id} ${describeEffect(effect, this.running)}`);
    switch (effect.kind) {
      case "send":
        invariants.sent(this, effect.message);
        this.#world.send(effect.message);
        break;
      case "persist":
        this.disk.pending.push(effect);
        this.#scheduleDisk();
        break;
      case "deliver":
        // The store is behind by what it has not flushed.
        if (scheduler.chance(0.5)) this.#applied = effect.through;
        else this.#applied = scheduler.between(this.#applied, effect.through);
        break;
      case "fetch":
        this.#fetch(effect.peer, effect.from);
        break;
      case "read-ready":
        for (const id of effect.ids) this.#readReady(id, effect.index);
        break;
      case "read-refused":
        for (const id of effect.ids) assert(this.#reads.delete(id), "a read is refused once");
        break;
      case "settled":
        invariants.settled(this);
        this.disk.settle();
        break;
      case "leadership":
      case "truncated":
      case "noted":
        break;
    }
    this.#world.onEvent(this, effect);
  }

  #readReady(id: number, index: LogIndex): void {
    const floor = present(this.#reads.get(id), "a read is answered once");
    this.#reads.delete(id);
    assert(index >= floor, () => `a read at ${index} misses ${floor}, which was delivered before`);
  }

  #fetch(peer: ReplicaId, from: LogIndex): void {
    const { scheduler } = this.#world;
    const raft = this.running;
    scheduler.after(0.5 + scheduler.random() * 10, () => {
      if (this.#raft !== raft) return;
      const entries = this.disk.entries.slice(from - 1, from - 1 + scheduler.between(1, 64));
      this.handle({ kind: "fetched", peer, from, entries });
    });
  }

  /** Nothing that is not yet under way becomes durable for so long. */
  hangDisk(ms: number): void {
    this.#diskHangsUntil = this.#world.scheduler.now + ms;
  }

  #scheduleDisk(): void {
    if (this.#diskBusy || this.disk.pending.length === 0) return;
    this.#diskBusy = true;
    const world = this.#world;
    const { scheduler } = world;
    const stalls = world.stallChance > 0 && scheduler.chance(world.stallChance);
    const raft = this.running;
    const hangMs = Math.max(0, this.#diskHangsUntil - scheduler.now);
    const writeMs = 0.1 + scheduler.random() * (stalls ? world.stallMs : world.diskMs);
    scheduler.after(hangMs + writeMs, () => {
      if (this.#raft !== raft) return;
      this.#diskBusy = false;
      const count = scheduler.between(1, this.disk.pending.length);
      if (this.disk.willReplace(count))
        world.sometimes.saw("a write completed after its entries were replaced");
      const ticket = this.disk.complete(count);
      this.#scheduleDisk();
      this.handle({ kind: "persisted", ticket });
    });
  }

  #scheduleTick(): void {
    const { scheduler } = this.#world;
    const raft = this.running;
    scheduler.after(5 + scheduler.random() * 15, () => {
      if (this.#raft !== raft) return;
      if (!this.#paused) this.handle({ kind: "tick" });
      if (this.#raft === raft) this.#scheduleTick();
    });
  }
}

/** What waited comes in the order of each source, but the sources in any order: they are different connections. */
function interleave(inputs: readonly Input[], scheduler: Scheduler): readonly Input[] {
  const sources = new Map<string, Input[]>();
  for (const input of inputs) {
    const source = input.kind === "message" ? `from ${input.message.from}` : input.kind;
    const queue = sources.get(source);
    if (queue === undefined) sources.set(source, [input]);
    else queue.push(input);
  }
  const queues = [...sources.values()].map((queue) => queue.reverse());
  const merged: Input[] = [];
  while (merged.length < inputs.length) {
    const queue = scheduler.pick(queues);
    const input = queue.pop();
    if (input !== undefined) merged.push(input);
  }
  return merged;
}
