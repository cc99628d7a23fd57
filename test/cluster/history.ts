/**
 * One history: a group lives through a seed's faults while clients propose and read; then the faults end, and within
 * a bounded time the group must agree, go on, and be led by its highest id.
 */
import { assert, present } from "../../src/base/assert.ts";
import { replicaId } from "../../src/base/units.ts";
import { mayAppend } from "../../src/raft/raft.ts";
import { Invariants } from "./invariants.ts";
import { Nemesis } from "./nemesis.ts";
import { SimNetwork } from "./network.ts";
import { SimReplica, type World } from "./replica.ts";
import { Scheduler } from "./scheduler.ts";
import { Sometimes } from "./sometimes.ts";

export interface HistoryOptions {
  readonly seed: number;
  /** 0: drawn from the seed. */
  readonly members?: number;
  readonly faults?: boolean;
  /** Break the write-ahead log's contract: a cut tail may lose a term or a vote. */
  readonly forgetsVotes?: boolean;
  readonly sometimes?: Sometimes;
  readonly trace?: (line: string) => void;
}

export interface Verdict {
  readonly hash: number;
  readonly steps: number;
  readonly committed: number;
}

/** How long a healed group may take; messages of before may be under way for 5 s of it. */
const agreeMs = 9_000;
const highestLeadsMs = 30_000;

const big = new ArrayBuffer(4 * 1024 * 1024);

class History {
  readonly #scheduler: Scheduler;
  readonly #world: World;
  readonly #replicas: SimReplica[];
  readonly #invariants: Invariants;
  readonly #nemesis: Nemesis;
  readonly #faults: boolean;
  readonly #bigShare: number;
  #reads = 0;
  #clientsStopped = false;

  constructor(options: HistoryOptions) {
    const scheduler = new Scheduler(options.seed, options.trace);
    this.#scheduler = scheduler;
    this.#faults = options.faults ?? true;
    const size = options.members ?? scheduler.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 5]);
    const members = Array.from({ length: size }, (_, i) => replicaId(i + 1));
    this.#replicas = [];
    const invariants = new Invariants(this.#replicas);
    this.#invariants = invariants;
    const network = new SimNetwork(scheduler, (message) => {
      this.#replicas[message.to - 1]?.handle({ kind: "message", message });
    });
    this.#bigShare = scheduler.pick([0, 0, 0.3]);
    this.#world = {
      scheduler,
      invariants,
      members,
      sometimes: options.sometimes ?? new Sometimes(),
      tailBytes: scheduler.pick([600, 2_000, 8_000, 16 * 1024 * 1024]),
      diskMs: scheduler.pick([0.5, 5, 20]),
      stallChance: 0,
      stallMs: 0,
      send: (message) => network.send(message),
      onEvent: (replica, effect) => this.#nemesis.onEvent(replica, effect),
    };
    for (const id of members) this.#replicas.push(new SimReplica(id, this.#world));
    const { faults = true, forgetsVotes = false } = options;
    this.#nemesis = new Nemesis(this.#world, network, this.#replicas, { faults, forgetsVotes });
  }

  run(): Verdict {
    const scheduler = this.#scheduler;
    for (const replica of this.#replicas) replica.start();
    this.#clients();
    scheduler.runUntil(scheduler.pick([1_500, 4_000, 4_000, 8_000, 20_000]));
    if (!this.#faults) this.#checkUndisturbed();
    scheduler.trace(() => "== the faults end");
    this.#nemesis.end();
    this.#agree();
    return { hash: scheduler.hash >>> 0, steps: scheduler.steps, committed: this.#invariants.committedMax };
  }

  /** Without a fault there is one election, or very few: whoever starts first may have to hand over. */
  #checkUndisturbed(): void {
    const leader = present(
      this.#replicas.find((replica) => replica.leads),
      "a leader, with no fault",
    );
    assert(leader.running.term <= 4, () => `term ${leader.running.term}, with no fault`);
    assert(this.#invariants.deliveredMax > 0, "something was delivered");
  }

  #clients(): void {
    const scheduler = this.#scheduler;
    const everyMs = scheduler.pick([3, 15, 60]);
    const propose = () => {
      if (this.#clientsStopped) return;
      const replica = this.#anyOf();
      if (scheduler.chance(0.3)) replica.read(++this.#reads);
      else replica.handle({ kind: "propose", payload: this.#payload() });
      scheduler.after(scheduler.random() * 2 * everyMs, propose);
    };
    scheduler.after(everyMs, propose);
  }

  /** Mostly one who believes that it leads: there may be several. */
  #anyOf(): SimReplica {
    const leaders = this.#replicas.filter((replica) => replica.leads);
    return this.#scheduler.pick(leaders.length > 0 && this.#scheduler.chance(0.9) ? leaders : this.#replicas);
  }

  #payload(): Uint8Array {
    const scheduler = this.#scheduler;
    const length = scheduler.chance(this.#bigShare)
      ? scheduler.between(1, big.byteLength)
      : scheduler.between(1, 40);
    return new Uint8Array(big, 0, length);
  }

  #agree(): void {
    const scheduler = this.#scheduler;
    const invariants = this.#invariants;
    const end = scheduler.now + agreeMs;
    this.#until(end, "one leader that may append", () => this.#leader() !== undefined);
    this.#clientsStopped = true;
    // What was under way when the faults ended may still depose a leader, and its proposal may be lost with it.
    let term = 0;
    let target = Number.POSITIVE_INFINITY;
    this.#until(end, "a new entry everywhere", () => {
      const leader = this.#leader();
      if (leader !== undefined && leader.running.term !== term) {
        term = leader.running.term;
        leader.handle({ kind: "propose", payload: this.#payload() });
        target = leader.running.log.lastIndex;
      }
      return this.#replicas.every((replica) => replica.running.delivered >= target);
    });
    const highest = present(this.#replicas.at(-1), "the highest id");
    this.#until(scheduler.now + highestLeadsMs, "the highest id leads", () => {
      return highest.leads && highest.running.commit >= (highest.running.reign?.firstIndex ?? 0);
    });
    const end2 = scheduler.now + agreeMs;
    this.#until(end2, "all logs are equal and nobody is in doubt", () => {
      const through = highest.running.log.lastIndex;
      return (
        this.#leader() === highest &&
        this.#replicas.every(
          ({ running, disk }) => running.delivered === through && disk.lastIndex === through,
        ) &&
        this.#replicas.every(({ running }) => !running.doubtful)
      );
    });
    invariants.finally();
    this.#checkRead(highest);
  }

  /** The leader that all agree on. */
  #leader(): SimReplica | undefined {
    const leader = this.#replicas.find((replica) => replica.leads && mayAppend(replica.running));
    if (leader === undefined) return undefined;
    const agreed = this.#replicas.every(
      ({ running }) => running.leader === leader.id && running.term === leader.running.term,
    );
    return agreed ? leader : undefined;
  }

  #checkRead(leader: SimReplica): void {
    const before = this.#scheduler.now;
    leader.read(++this.#reads);
    this.#until(before + 500, "a read is served", () => !leader.isReading);
  }

  #until(end: number, what: string, condition: () => boolean): void {
    const scheduler = this.#scheduler;
    while (!condition()) {
      assert(scheduler.now < end, () => `in time: ${what}`);
      scheduler.runUntil(scheduler.now + 10);
    }
  }
}

/** Throws `AssertionError` if anything was not as it must be. */
export function runHistory(options: HistoryOptions): Verdict {
  return new History(options).run();
}
