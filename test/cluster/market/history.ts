/**
 * One history of the whole read path: a group, front-ends, catalogs and shoppers live through a seed's faults; then the
 * faults end, and everything must be well again within a bounded time.
 */
import { assert, present } from "../../../src/base/assert.ts";
import { ByteReader } from "../../../src/base/bytes.ts";
import { leaseTimes } from "../../../src/base/limits.ts";
import { type LogIndex, type ReplicaId, replicaId } from "../../../src/base/units.ts";
import { readItem } from "../../../src/market/codec.ts";
import type { MarketDefinition } from "../../../src/market/definition.ts";
import { founders } from "../../../src/raft/membership.ts";
import { Invariants } from "../invariants.ts";
import { Nemesis } from "../nemesis.ts";
import { SimNetwork } from "../network.ts";
import { SimReplica } from "../replica.ts";
import { Scheduler } from "../scheduler.ts";
import { Sometimes } from "../sometimes.ts";
import type { Above } from "../world.ts";
import { Catalog } from "./catalog.ts";
import { Connections, type Listener } from "./connection.ts";
import { Frontend } from "./frontend.ts";
import { pages, resource } from "./frontend-service.ts";
import { Process } from "./machine.ts";
import { MarketNemesis } from "./nemesis.ts";
import { type Asked, Oracle } from "./oracle.ts";
import { stateHashOf } from "./order.ts";
import { OrderProcess } from "./order-process.ts";
import type { BrokenMarket } from "./rule-breaker.ts";
import { Shoppers } from "./shoppers.ts";
import { MarketSometimes } from "./sometimes.ts";
import type { MarketWorld } from "./world.ts";

export interface MarketHistoryOptions {
  readonly seed: number;
  readonly faults?: boolean;
  /** Break a rule, to see it caught. */
  readonly broken?: BrokenMarket | undefined;
  readonly market?: MarketSometimes;
  readonly sometimes?: Sometimes;
  readonly trace?: (line: string) => void;
}

export interface MarketVerdict {
  readonly hash: number;
  readonly steps: number;
  readonly position: number;
  readonly reads: number;
  readonly unanswered: number;
}

/** They are numbered behind any replica. */
const firstFrontend = 100;
const firstCatalog = 200;
/** How long it may take until all is well: messages of before may be under way for 5 s of it, copies for 4 s. */
const wellMs = 40_000;
/** A leader hands over no sooner than 10 s after its election. */
const handOverMs = 13_000;

function definitionOf(scheduler: Scheduler): MarketDefinition {
  return {
    name: resource,
    resource,
    currency: "USD",
    sides: ["buy", "sell"],
    maxQuantity: 60,
    restock: { everyTicks: scheduler.pick([2, 5]), when: 3, to: 15 },
    items: [
      { name: "Lamp", priceMinor: 500, quantity: 10, topic: "Home" },
      { name: "Rope", priceMinor: 150, quantity: 30, title: "A long rope" },
      { name: "Äpfel", priceMinor: 3, quantity: 1 },
      { name: "Chair", priceMinor: 9_900, quantity: 25, topic: "Home" },
    ],
  };
}

class MarketHistory implements Above {
  readonly #world: MarketWorld;
  readonly #orders: OrderProcess[] = [];
  readonly #catalogs: Catalog[] = [];
  readonly #frontends: Frontend[] = [];
  readonly #shoppers: Shoppers;
  readonly #nemesis: Nemesis;
  readonly #marketNemesis: MarketNemesis | undefined;

  constructor(options: MarketHistoryOptions) {
    const scheduler = new Scheduler(options.seed, options.trace);
    const members = Array.from({ length: scheduler.pick([3, 3, 3, 5]) }, (_, i) => replicaId(i + 1));
    const replicas: SimReplica[] = [];
    const network = new SimNetwork(scheduler, (message) => {
      replicas[message.to - 1]?.handle({ kind: "message", message });
    });
    const world: MarketWorld = {
      scheduler,
      invariants: new Invariants(replicas, [], founders(members)),
      members,
      founders: members,
      replicas,
      holders: [],
      broken: options.broken === "does not wait" ? options.broken : undefined,
      above: this,
      sometimes: options.sometimes ?? new Sometimes(),
      tailBytes: scheduler.pick([600, 8_000, 16 * 1024 * 1024]),
      leaseMs: leaseTimes.leaseMs,
      compaction: { chance: scheduler.pick([0, 0.02, 0.3]), kept: scheduler.pick([0, 5, 50]) },
      copyMs: scheduler.pick([10, 200, 1_000]),
      diskMs: scheduler.pick([0.5, 5, 20]),
      stallChance: 0,
      stallMs: 0,
      send: (message) => network.send(message),
      isCut: (from, to) => network.isCut(from, to),
      delayMs: () => network.delayMs(),
      onEvent: (replica, effect) => {
        this.#order(replica.id).service?.effect(effect);
        this.#nemesis.onEvent(replica, effect);
      },
      onInstalled: (replica) => {
        this.#order(replica.id).service?.installed();
        this.#nemesis.onInstalled(replica);
      },
      market: options.market ?? new MarketSometimes(),
      oracle: new Oracle(),
      connections: new Connections(),
      onFrame: (kind, to) => this.#marketNemesis?.onFrame(kind, to),
      brokenMarket: options.broken,
      definition: definitionOf(scheduler),
      tickMs: scheduler.pick([100, 300, 1_000]),
      ticking: true,
      cacheEntries: scheduler.pick([1, 3, 64]),
      applyMs: scheduler.pick([0.1, 2, 10]),
    };
    this.#world = world;
    this.#populate(replicas);
    const faults = options.faults ?? true;
    this.#nemesis = new Nemesis(world, network, faults);
    const victims = [...this.#frontends, ...this.#frontends, ...this.#catalogs];
    this.#marketNemesis = faults ? new MarketNemesis(world, network, victims) : undefined;
    this.#shoppers = new Shoppers(world, this.#frontends);
  }

  /** No two clocks' rates differ by more than leases allow: either the holders' from true ones, or any from any. */
  #populate(replicas: SimReplica[]): void {
    const world = this.#world;
    const { scheduler, members, brokenMarket, market: seen } = world;
    const all = scheduler.chance(0.5);
    const rate = (spread: number) => 1 + spread * (2 * scheduler.random() - 1);
    for (const id of members) {
      const own = all ? rate(0.045) : 1;
      const replica = new SimReplica(id, world, own);
      replicas.push(replica);
      this.#orders.push(new OrderProcess(world, replica, own));
    }
    const orders: Listener[] = this.#orders.map((order) => ({ machine: order, accept: order.accept }));
    for (let i = 1; i <= scheduler.between(1, 2); i++) {
      const process = new Process(scheduler, {
        id: firstCatalog + i,
        name: `catalog-${i}`,
        rate: rate(0.08),
      });
      this.#catalogs.push(new Catalog(world, process, orders, i - 1));
    }
    const catalogs = this.#catalogs.map((catalog) => ({ machine: catalog.process, accept: catalog.accept }));
    const woke = (sources: readonly string[]): void => {
      const frames = sources.some((source) => source.startsWith("connection"));
      const readers = sources.some((source) => source.startsWith("reader") || source.startsWith("courier"));
      if (frames && readers) seen.saw("a front-end woke to frames and readers");
    };
    const sleeps = brokenMarket === "sleeps through a lapse";
    for (let i = scheduler.between(2, 3); i > 0; i--) {
      const identity = { id: firstFrontend + i, name: `frontend-${i}`, rate: rate(all ? 0.045 : 0.08) };
      const process = new Process(scheduler, identity, woke, sleeps);
      this.#frontends.push(new Frontend(world, process, orders, catalogs));
    }
  }

  #order(id: ReplicaId): OrderProcess {
    return this.#orders[id - 1] as OrderProcess;
  }

  started(replica: SimReplica): void {
    this.#order(replica.id).started();
  }

  crashed(replica: SimReplica): void {
    this.#order(replica.id).crashed();
  }

  delivered(replica: SimReplica, through: LogIndex): void {
    this.#order(replica.id).service?.applying.handOut(through);
  }

  stepped(replica: SimReplica): void {
    this.#order(replica.id).service?.stepped();
  }

  run(): MarketVerdict {
    const { scheduler, replicas, oracle } = this.#world;
    for (const replica of replicas) replica.start();
    for (const catalog of this.#catalogs) catalog.start();
    for (const frontend of this.#frontends) frontend.start();
    this.#shoppers.start();
    scheduler.runUntil(scheduler.pick([1_000, 2_000, 4_000, 8_000]));
    scheduler.trace(() => "== the faults end");
    // In this order: whoever wakes with the group must find no more harm.
    this.#marketNemesis?.end();
    this.#nemesis.end();
    this.#becomeWell();
    const { reads, unanswered } = this.#shoppers;
    return {
      hash: scheduler.hash >>> 0,
      steps: scheduler.steps,
      position: oracle.position,
      reads,
      unanswered,
    };
  }

  /** Leases are held, what was ordered is done, all have applied the same, and reads are hits. */
  #becomeWell(): void {
    const world = this.#world;
    const { scheduler } = world;
    scheduler.runUntil(scheduler.now + 500);
    if (scheduler.chance(0.15)) this.#awaitHandOver();
    this.#shoppers.stop();
    world.ticking = false;
    this.#until("all have applied the same, and front-ends hold leases", () => this.#isWell());
    this.#checkCatalogs();
    // What was ordered last may still be answered.
    this.#until("reads are hits", () => this.#readAll() && this.#isWell());
    world.invariants.finally();
  }

  #isWell(): boolean {
    return this.#frontends.every(({ holdsLease }) => holdsLease) && this.#agree();
  }

  /** While all shop on, the highest id is handed the lead; unless it never has what orders go on adding to. */
  #awaitHandOver(): void {
    const { scheduler, replicas } = this.#world;
    const highest = present(replicas.at(-1), "the highest id");
    const end = scheduler.now + handOverMs;
    while (!highest.leads && scheduler.now < end) scheduler.runUntil(scheduler.now + 10);
  }

  #agree(): boolean {
    const { oracle } = this.#world;
    const { index, stateHash } = oracle;
    const applied = this.#orders.every(({ service, replica: { disk } }) => {
      if (disk.lastIndex !== index || disk.pending.length > 0) return false;
      return service?.applying.index === index && stateHashOf(service.market) === stateHash;
    });
    return applied && this.#catalogs.every(({ served }) => served?.index === index);
  }

  #checkCatalogs(): void {
    const { oracle } = this.#world;
    const expected = JSON.stringify(oracle.items);
    for (const { served, process } of this.#catalogs) {
      const rows = served?.items.items.map(({ row }) => readItem(new ByteReader(row)));
      assert(JSON.stringify(rows) === expected, () => `${process.name} has other items`);
    }
  }

  /** Read everything twice through each front-end: the second time nobody else is asked. */
  #readAll(): boolean {
    const { scheduler, oracle, cacheEntries } = this.#world;
    const items: Asked[] = oracle.items.map(({ name }) => ({ kind: "item", item: name }));
    const topics: Asked[] = [undefined, "Home"].map((topic) => ({ kind: "page", topic }));
    assert(topics.length === pages.length, "all pages are read");
    let misses = 0;
    let shown = 0;
    // As many as are kept.
    const asked = [...topics, ...items].slice(0, cacheEntries);
    for (const frontend of this.#frontends) {
      for (const one of asked) this.#shoppers.read("last", frontend, one, () => {}, true);
    }
    scheduler.runUntil(scheduler.now + 100);
    for (const frontend of this.#frontends) {
      for (const one of asked) {
        const count = ({ cache }: { readonly cache: string | undefined }) => {
          shown++;
          if (cache !== "hit") misses++;
        };
        this.#shoppers.read("last", frontend, one, count, true);
      }
    }
    return misses === 0 && shown === asked.length * this.#frontends.length;
  }

  #until(what: string, condition: () => boolean): void {
    const { scheduler } = this.#world;
    const end = scheduler.now + wellMs;
    while (!condition()) {
      assert(scheduler.now < end, () => `in time: ${what}`);
      scheduler.runUntil(scheduler.now + 10);
    }
  }
}

/** Throws `AssertionError` if anything was not as it must be. */
export function runMarketHistory(options: MarketHistoryOptions): MarketVerdict {
  return new MarketHistory(options).run();
}
