/**
 * One history: a group and those who hold leases of it live through a seed's faults while clients propose and read;
 * then the faults end, and what must come true in time is waited for.
 */
import { assert, present } from "../../src/base/assert.ts";
import { leaseTimes } from "../../src/base/limits.ts";
import { integerBetween, seededRandom } from "../../src/base/random.ts";
import { replicaId } from "../../src/base/units.ts";
import { founders } from "../../src/raft/membership.ts";
import { Clients } from "./clients.ts";
import { reachAgreement, watchCommits } from "./ending.ts";
import { SimHolder } from "./holder.ts";
import { Invariants } from "./invariants.ts";
import { Nemesis } from "./nemesis.ts";
import { SimNetwork } from "./network.ts";
import { Operator } from "./operator.ts";
import { SimReplica } from "./replica.ts";
import type { Broken } from "./rule-breaker.ts";
import { Scheduler } from "./scheduler.ts";
import { Sometimes } from "./sometimes.ts";
import type { World } from "./world.ts";

export interface HistoryOptions {
  readonly seed: number;
  /** 0: drawn from the seed. */
  readonly members?: number;
  readonly faults?: boolean;
  /** Whether members come and go; drawn from the seed if not given. */
  readonly changes?: boolean;
  /** Break a rule, to see it caught. */
  readonly broken?: Broken | undefined;
  readonly sometimes?: Sometimes;
  readonly trace?: (line: string) => void;
}

export interface Verdict {
  readonly hash: number;
  readonly steps: number;
  readonly committed: number;
}

/** Holders are numbered behind any replica. */
const firstHolder = 100;

class History {
  readonly #world: World;
  readonly #clients: Clients;
  readonly #operator: Operator;
  readonly #nemesis: Nemesis;
  readonly #faults: boolean;

  constructor(options: HistoryOptions) {
    const scheduler = new Scheduler(options.seed, options.trace);
    this.#faults = options.faults ?? true;
    const size = options.members ?? scheduler.pick([1, 2, 2, 3, 3, 3, 3, 4, 5, 5, 5]);
    const changes = changesOf(options);
    const members = Array.from({ length: size + changes.spare }, (_, i) => replicaId(i + 1));
    const founded = members.slice(0, size);
    const replicas: SimReplica[] = [];
    const holders: SimHolder[] = [];
    const network = new SimNetwork(scheduler, (message) => {
      replicas[message.to - 1]?.handle({ kind: "message", message });
    });
    const world: World = {
      scheduler,
      invariants: new Invariants(replicas, holders, founders(founded)),
      members,
      founders: founded,
      replicas,
      holders,
      broken: options.broken,
      sometimes: options.sometimes ?? new Sometimes(),
      tailBytes: scheduler.pick([600, 2_000, 8_000, 16 * 1024 * 1024]),
      leaseMs: scheduler.pick([0, leaseTimes.leaseMs]),
      compaction: { chance: scheduler.pick([0, 0, 0.02, 0.3]), kept: scheduler.pick([0, 0, 5, 50]) },
      copyMs: scheduler.pick([10, 200, 1_000, 4_000]),
      diskMs: scheduler.pick([0.5, 5, 20]),
      stallChance: 0,
      stallMs: 0,
      send: (message) => network.send(message),
      isCut: (from, to) => network.isCut(from, to),
      delayMs: () => network.delayMs(),
      onEvent: (replica, effect) => this.#nemesis.onEvent(replica, effect),
      onInstalled: (replica) => this.#nemesis.onInstalled(replica),
    };
    this.#world = world;
    this.#clients = new Clients(world);
    this.#operator = new Operator(world, changes.everyMs);
    populate(world, replicas, holders);
    this.#nemesis = new Nemesis(world, network, this.#faults);
  }

  run(): Verdict {
    const { scheduler, replicas, invariants } = this.#world;
    for (const replica of replicas) if (replica.wanted) replica.start();
    this.#clients.start();
    this.#operator.start();
    if (this.#nemesis.sparesReplicas) watchCommits(this.#world, this.#clients);
    scheduler.runUntil(scheduler.pick([1_500, 4_000, 4_000, 8_000, 20_000]));
    if (!this.#faults) this.#checkUndisturbed();
    scheduler.trace(() => "== the faults end");
    this.#operator.stop();
    this.#nemesis.end();
    reachAgreement(this.#world, this.#clients);
    return { hash: scheduler.hash >>> 0, steps: scheduler.steps, committed: invariants.committedMax };
  }

  /** Without a fault there is one election, or very few: whoever starts first may have to hand over. */
  #checkUndisturbed(): void {
    const { replicas, invariants } = this.#world;
    const leader = present(
      replicas.find((replica) => replica.leads),
      "a leader, with no fault",
    );
    assert(leader.running.term <= 4, () => `term ${leader.running.term}, with no fault`);
    assert(invariants.deliveredMax > 0, "something was delivered");
  }
}

/** Half of all histories change their members: drawn apart, so that the other half is as it was without. */
function changesOf({ seed, faults = true, changes }: HistoryOptions): { spare: number; everyMs: number } {
  const random = seededRandom(seed ^ 0x6d62_7273);
  if (!faults || !(changes ?? random() < 0.5)) return { spare: 0, everyMs: 0 };
  return {
    spare: integerBetween(random, 1, 4),
    everyMs: [80, 300, 1_000][integerBetween(random, 0, 2)] ?? 0,
  };
}

/** No two clocks' rates differ by more than leases allow: either the holders' from true ones, or any from any. */
function populate(world: World, replicas: SimReplica[], holders: SimHolder[]): void {
  const { scheduler, members, leaseMs, broken } = world;
  const all = scheduler.chance(0.5);
  const rate = (spread: number) => 1 + spread * (2 * scheduler.random() - 1);
  for (const id of members) replicas.push(new SimReplica(id, world, all ? rate(0.045) : 1));
  if (leaseMs === 0) return;
  const slowed = broken === "slow clocks" ? 0.8 : 1;
  for (let left = scheduler.between(1, 3); left > 0; left--)
    holders.push(new SimHolder(firstHolder + left, world, slowed * rate(all ? 0.045 : 0.08)));
}

/** Throws `AssertionError` if anything was not as it must be. */
export function runHistory(options: HistoryOptions): Verdict {
  return new History(options).run();
}
