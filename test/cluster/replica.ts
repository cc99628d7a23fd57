/**
 * One simulated replica: the core, its disk, its store, and the driver that carries out the core's effects. A crash
 * ends its life and forgets all but disk and store; a pause stops it, while what comes queues up before it.
 */
import { assert, present } from "../../src/base/assert.ts";
import { type LogIndex, logIndex, type ReplicaId } from "../../src/base/units.ts";
import { describeEffect, describeInput } from "../../src/raft/describe.test-support.ts";
import type { Effect, Input } from "../../src/raft/effect.ts";
import { founders } from "../../src/raft/membership.ts";
import { createRaft, type Raft } from "../../src/raft/raft.ts";
import { step } from "../../src/raft/step.ts";
import { type CrashRules, SimDisk } from "./disk.ts";
import { DiskWriter } from "./disk-writer.ts";
import { interleave, type Waiting } from "./inbox.ts";
import { LeaseDesk } from "./lease-desk.ts";
import type { Link, ToLeader } from "./link.ts";
import { Observer } from "./observe.ts";
import { breakRule } from "./rule-breaker.ts";
import { joinLogToState, lose, viewOf } from "./starting.ts";
import { applyAndCompact, Copier, SimStore } from "./store.ts";
import type { World } from "./world.ts";

export class SimReplica {
  readonly id: ReplicaId;
  readonly disk: SimDisk;
  readonly store = new SimStore();
  readonly #world: World;
  readonly #observer: Observer;
  readonly #rate: number;
  /** Whether there is to be a process: of those that may join later only once they are asked to. */
  wanted: boolean;
  #raft: Raft | undefined;
  #desk: LeaseDesk;
  #copier: Copier;
  readonly #links = new Set<Link>();
  #incarnation = 0;
  #paused = false;
  #inbox: Waiting[] = [];
  /** What it was about to send when it was paused. */
  #outbox: (() => void)[] = [];
  readonly #writer: DiskWriter;
  /** Reads that are under way, and what each of them must see. */
  readonly #reads = new Map<number, number>();

  constructor(id: ReplicaId, world: World, rate: number) {
    this.id = id;
    this.#world = world;
    this.#rate = rate;
    this.wanted = world.founders.includes(id);
    this.disk = new SimDisk(this.wanted ? founders(world.founders) : undefined);
    this.disk.forgetsMembers = world.broken === "forgets members";
    this.#observer = new Observer(world.sometimes);
    this.#desk = new LeaseDesk(this);
    this.#copier = new Copier(world, this);
    this.#writer = new DiskWriter(this.disk, world, (ticket) => {
      this.#dropMark();
      this.handle({ kind: "persisted", ticket });
    });
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
    const { scheduler, members: known } = this.#world;
    const { disk, store } = this;
    joinLogToState(disk, store, this.#world);
    if (this.#world.broken === "starts as if new") disk.recovering = false;
    const stateful = !store.copying && store.index >= disk.base.index;
    const restored = {
      hardState: disk.hardState,
      log: viewOf(disk, this.#world),
      commit: logIndex(store.index),
      doubtful: disk.doubtful,
      recovering: disk.recovering,
      stateful,
    };
    this.#incarnation++;
    const config = {
      id: this.id,
      known,
      incarnation: this.#incarnation,
      random: scheduler.random,
      leaseMs: this.#world.leaseMs,
    };
    this.#raft = createRaft(config, restored, this.#now());
    this.#desk = new LeaseDesk(this);
    this.#copier = new Copier(this.#world, this);
    const marks = [
      disk.doubtful ? ", doubtful" : "",
      disk.recovering ? ", recovering" : "",
      stateful ? "" : ", no state",
    ];
    scheduler.trace(
      () =>
        `${this.id} starts as incarnation ${this.#incarnation}, log ${disk.base.index}..${disk.lastIndex}${marks.join("")}`,
    );
    this.#world.invariants.started(this.#raft);
    this.#observer.started(disk, store);
    if (!stateful) this.#copier.want(disk.base.index);
    this.#scheduleTick();
    this.#world.above?.started(this);
  }

  crash(rules: CrashRules): void {
    const { scheduler, sometimes } = this.#world;
    const { disk } = this;
    this.#raft = undefined;
    this.#paused = false;
    this.#inbox = [];
    this.#outbox = [];
    this.#writer.crash();
    this.#reads.clear();
    for (const link of this.#links) link.close();
    this.#links.clear();
    this.#world.above?.crashed(this);
    disk.crash(scheduler, rules);
    if (disk.lost.length > 0) sometimes.saw("acknowledged entries lost with a cut tail");
    lose(disk, this.store, rules.loses, sometimes);
    scheduler.trace(
      () =>
        `${this.id} crashes, loses ${rules.loses}, disk keeps ${disk.lastIndex}, lost ${disk.lost.length}`,
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
    for (const send of this.#outbox.splice(0)) send();
    const tickFirst = scheduler.chance(0.5);
    if (tickFirst) this.handle({ kind: "tick" });
    if (inbox.length > 0) sometimes.saw(tickFirst ? "woken by a tick first" : "woken by messages first");
    for (const { source, run } of inbox) {
      // Paused again: it waits on.
      if (this.#paused) this.#inbox.push({ source, run });
      else run();
    }
    if (!tickFirst) this.handle({ kind: "tick" });
  }

  /** Ask for a read point, which must be at or behind everything that anyone has delivered so far. */
  read(id: number): void {
    if (this.#raft === undefined) return;
    this.#reads.set(id, this.#world.invariants.deliveredMax);
    this.handle({ kind: "read", id });
  }

  /** A lease holder has connected. */
  accept(link: Link): void {
    this.#links.add(link);
  }

  receiveFrom(link: Link, message: ToLeader): void {
    this.take(`holder ${link.holder.id}`, () => this.#desk.receive(link, message));
  }

  /** Something happens to it: now, or when it wakes. */
  take(source: string, run: () => void): void {
    if (this.#raft === undefined) return;
    if (this.#paused) this.#inbox.push({ source, run });
    else run();
  }

  /** Now, or when it wakes: a process that is stopped between a decision and its sending. */
  whenAwake(send: () => void): void {
    if (this.#paused) this.#outbox.push(send);
    else send();
  }

  handle(input: Input): void {
    const { scheduler, invariants } = this.#world;
    const raft = this.#raft;
    if (raft === undefined) return;
    if (this.#paused) {
      const source = input.kind === "message" ? `from ${input.message.from}` : input.kind;
      this.#inbox.push({ source, run: () => this.handle(input) });
      return;
    }
    if (input.kind !== "tick") scheduler.trace(() => `${this.id} <- ${describeInput(input)}`);
    this.#observer.before(raft, input);
    const before = invariants.before(raft);
    const lastIndex = raft.log.lastIndex;
    const effects = step(raft, this.#now(), input);
    scheduler.note(raft.term * 64 + raft.log.lastIndex * 8 + raft.commit + effects.length);
    invariants.after(this, before, input, effects);
    this.#observer.after(raft, input, effects);
    for (const effect of effects) this.#perform(effect);
    if (this.#raft !== raft) return;
    if (input.kind === "propose" && raft.log.lastIndex > lastIndex) this.#desk.appended(raft.log.lastIndex);
    if (input.kind === "restored") this.#dropMark();
    if (this.#world.broken !== undefined) breakRule(raft, this.#world);
    this.#world.above?.stepped(this);
  }

  /** Its own clock. */
  #now(): number {
    return this.#world.scheduler.now * this.#rate;
  }

  #perform(effect: Effect): void {
    const { scheduler, invariants } = this.#world;
    if (effect.kind !== "send")
      scheduler.trace(() => `    ${this.id} ${describeEffect(effect, this.running)}`);
    switch (effect.kind) {
      case "send":
        invariants.sent(this, effect.message);
        this.#observer.sent(this.running, effect.message, invariants.removed);
        this.#world.send(effect.message);
        break;
      case "persist":
      case "reset":
        this.#writer.write(effect);
        break;
      case "deliver":
        this.#world.above?.delivered(this, effect.through);
        this.#apply(effect.through);
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
      case "outlived":
        assert(false, "lives are counted by nobody but the disk, which is never set back here");
        break;
      case "recovered":
        invariants.recovered(this);
        this.disk.recovered();
        break;
      case "behind":
        this.#copier.want(effect.through);
        break;
      case "lease-granted":
        this.#desk.answered(effect.remainingMs);
        break;
      case "leases-recalled":
        this.#desk.recall();
        break;
      case "leadership":
        if (!this.leads) this.#desk.newTerm();
        break;
      case "lease-refused":
      case "membership":
      case "truncated":
      case "noted":
        break;
    }
    this.#world.onEvent(this, effect);
  }

  #apply(through: LogIndex): void {
    if (this.store.copying || this.#copier.isActive) return;
    const raft = this.running;
    const base = applyAndCompact(this.#world, this, through);
    if (base === undefined) return;
    this.#world.scheduler.after(0, () => {
      if (this.#raft === raft) this.handle({ kind: "compacted", base });
    });
  }

  /** The mark goes when the log holds what the state includes, durably. */
  #dropMark(): void {
    const { disk, store } = this;
    if (!disk.behind || store.copying || this.#copier.isActive) return;
    const joined = store.index < disk.base.index || disk.termAt(store.index) === store.included.term;
    if (joined) disk.behind = false;
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
      // What was compacted meanwhile is not there.
      const at = from - 1 - this.disk.base.index;
      const entries = at < 0 ? [] : this.disk.entries.slice(at, at + scheduler.between(1, 64));
      this.handle({ kind: "fetched", peer, from, entries });
    });
  }

  /** Nothing that is not yet under way becomes durable for so long. */
  hangDisk(ms: number): void {
    this.#writer.hang(ms);
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
