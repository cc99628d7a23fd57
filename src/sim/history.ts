/**
 * One history: the whole system lives through a seed's faults while shoppers order and look; then the faults end, all
 * must be well again within a bounded time, and what the shoppers were told is judged by checkers that know nothing of
 * the code that they judge.
 */
import { assert } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { historyOf } from "../check/history.ts";
import { LifeOutlived } from "../log/embedded/incarnation.ts";
import type { Digest } from "../store/port.ts";
import { SimCluster } from "./cluster.ts";
import { judgeByPosition, judgeBySearch } from "./judge.ts";
import { Nemesis } from "./nemesis.ts";
import { Operator } from "./operator.ts";
import type { SimProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";
import { Shoppers } from "./shoppers.ts";
import { Sometimes } from "./sometimes.ts";
import type { Verdict } from "./task.ts";
import { PromiseBroken, World } from "./world.ts";

export interface HistoryOptions {
  readonly seed: number;
  /** Virtual milliseconds until the faults end. */
  readonly ms: number;
  readonly faults: boolean;
  readonly sometimes?: Sometimes;
  readonly trace?: (line: string) => void;
}

/** How long it may take until all is well after the last fault: leases, elections, copies and their pauses together. */
const wellMs = 90_000;
/** What was not shown, because nobody could just then, is asked for again. */
const askAgainMs = 5_000;
/** So many histories have an operator who changes the group. */
const changingShare = 0.3;
/** The search costs as much again as the history: one in so many is searched. */
const searchedEvery = 5;

class History {
  readonly #options: HistoryOptions;
  readonly #world: World;
  readonly #schedule: Schedule;
  readonly #cluster: SimCluster;
  readonly #shoppers: Shoppers;
  readonly #nemesis: Nemesis;
  readonly #operator: Operator;
  readonly #sometimes: Sometimes;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#sometimes = options.sometimes ?? new Sometimes();
    const { seed, trace } = options;
    this.#world = new World({ seed, trace, processes: () => this.#cluster.processes });
    const { schedule, network } = this.#world;
    this.#schedule = schedule;
    this.#cluster = new SimCluster(schedule, network, this.#sometimes, {
      broken: (error) => schedule.fail(error),
      died: (process, error) => this.#died(process, error),
      emitted: (process) => this.#nemesis.strike(process),
    });
    const cluster = this.#cluster;
    const sometimes = this.#sometimes;
    this.#operator = new Operator({
      schedule,
      cluster,
      sometimes,
      areWhole: () => this.#nemesis.areWhole,
    });
    this.#nemesis = new Nemesis(schedule, network, cluster, sometimes, () => this.#operator.isChanging);
    const { resource, items } = this.#cluster.definition;
    this.#shoppers = new Shoppers({
      schedule,
      sometimes: this.#sometimes,
      resource,
      items: items.map(({ name }) => name),
      ports: this.#cluster.frontendPorts,
      onAnswered: () => this.#nemesis.strikeAnswer(),
    });
  }

  async run(): Promise<Verdict> {
    try {
      return await this.#live();
    } catch (error) {
      const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new PromiseBroken(told, this.#shoppers.history, error);
    } finally {
      this.#world.leave();
    }
  }

  async #live(): Promise<Verdict> {
    const schedule = this.#schedule;
    await this.#cluster.start();
    this.#shoppers.start();
    if (this.#options.faults) {
      await schedule.run(schedule.now + 2_000 * schedule.random());
      this.#nemesis.start();
      if (schedule.chance(changingShare)) this.#operator.start();
    }
    await schedule.run(this.#options.ms);
    schedule.trace(() => "== the faults end");
    this.#nemesis.end();
    this.#operator.stop();
    await this.#becomeWell();
    this.#judge();
    const { history, answeredAt } = this.#shoppers;
    let gapMs = 0;
    for (let i = 1; i < answeredAt.length; i++) {
      gapMs = Math.max(gapMs, (answeredAt[i] as number) - (answeredAt[i - 1] as number));
    }
    const orders = history.filter(({ op, status }) => op === "order" && status === 200).length;
    return { hash: schedule.hash >>> 0, steps: schedule.steps, operations: history.length, orders, gapMs };
  }

  /** Only a disk's failure, or a forgotten life, may end a process by itself. */
  #died(process: SimProcess, error: unknown): void {
    const order = this.#cluster.orderOf(process);
    if (error instanceof LifeOutlived) {
      this.#sometimes.saw("a replica had lost count of its lives");
      this.#nemesis.died(process);
      return;
    }
    // Whether the log's own words or the system's: that it is the disk is certain only if the disk was made to fail.
    const ofDisk = error instanceof OperatingFailure || (error instanceof Error && "code" in error);
    if (order?.diskFailed === true && ofDisk) {
      this.#sometimes.saw("a process ended because of its disk");
      order.diskFailed = false;
      this.#nemesis.died(process);
      return;
    }
    this.#schedule.fail(
      error instanceof Error ? error : new Error(`${process.name} ended: ${String(error)}`),
    );
  }

  async #becomeWell(): Promise<void> {
    const schedule = this.#schedule;
    const { frontendPorts, definition } = this.#cluster;
    // Everyone can order again, through each front-end.
    let placed = 0;
    for (const port of frontendPorts) {
      const item = schedule.pick(definition.items).name;
      this.#shoppers.place(port, { item, side: "sell", quantity: 1 }, () => placed++);
    }
    await this.#until("a change of the group is done", () => !this.#operator.isChanging);
    await this.#until("orders are answered at every front-end", () => placed === frontendPorts.length);
    this.#shoppers.stop();
    await this.#until("no order waits", () => this.#shoppers.openOrders === 0);
    await this.#until("all have applied the same", () => this.#agree());
    await this.#compareStates();
    await this.#lookAtAll();
  }

  #until(what: string, condition: () => boolean): Promise<void> {
    return this.#world.until(what, wellMs, condition, () => this.#tellStatus());
  }

  #tellStatus(): string {
    return this.#cluster.processes
      .map(({ name, machine, running }) => {
        const { hashes: _, rssBytes: __, ...status } = running?.status() ?? { rssBytes: 0 };
        return `${name} life ${machine.life} ${machine.isRunning ? "" : "down "}${JSON.stringify(status)}`;
      })
      .join("\n");
  }

  /** Of replicas whose own word it is that they hold the same. Ticks go on, so positions of catalogs may trail. */
  #agree(): boolean {
    const { orders, catalogs } = this.#cluster;
    const states = orders.map(({ process }) => process.running?.status());
    const [first] = states;
    if (first === undefined) return false;
    const same = states.every(
      (one) =>
        one !== undefined &&
        one.state !== "recovering" &&
        one.position === first.position &&
        one.stateHash === first.stateHash &&
        one.leader === first.leader,
    );
    if (!same) return false;
    return catalogs.every(({ running }) => (running?.status().position ?? -1) >= (first.position ?? 0));
  }

  /** Each recomputes its hash and sums from its own rows. */
  async #compareStates(): Promise<void> {
    const digests = new Map<string, Digest & { readonly computed: unknown }>();
    let asked = 0;
    for (const { process } of this.#cluster.orders) {
      const { running, machine } = process;
      this.#schedule.for(machine, 0, "input", () => {
        void running?.digest?.().then((digest) => {
          asked++;
          digests.set(process.name, digest as Digest);
        });
      });
    }
    await this.#until("all recompute their states", () => asked === this.#cluster.orders.length);
    for (const [name, { stored, computed, problems }] of digests) {
      assert(problems.length === 0, () => `${name}: ${problems.join("; ")}`);
      assert(String(stored) === String(computed), () => `${name} has another state than it has written down`);
    }
  }

  /** Every item through every front-end, and every order: what was acknowledged must be there, and nothing behind it. */
  async #lookAtAll(): Promise<void> {
    const { frontendPorts, definition } = this.#cluster;
    const last = 1_000_000;
    const missing = new Map<string, () => void>();
    const look = (what: string, ask: () => void): void => {
      missing.set(what, ask);
      ask();
    };
    for (const port of frontendPorts) {
      for (const { name } of definition.items) {
        const what = `${name} at ${port}`;
        look(what, () => this.#shoppers.read(last, port, name, () => missing.delete(what)));
      }
    }
    // Orders that nobody was told of may lie behind the last one that somebody was: up to where there are no more.
    const lookUp = (number: number): void => {
      const what = `order ${number}`;
      const port = this.#schedule.pick(frontendPorts);
      const looked = (found: boolean): void => {
        if (!missing.delete(what)) return;
        assert(
          found || number >= this.#shoppers.nextNumber,
          () => `${what} was acknowledged, and is not there`,
        );
        if (found && number + 1 > this.#shoppers.nextNumber) lookUp(number + 1);
      };
      look(what, () => this.#shoppers.query(last, port, number, looked));
    };
    for (let number = 0; number <= this.#shoppers.nextNumber; number++) lookUp(number);
    const asked = this.#schedule.now;
    let asks = 1;
    await this.#until("everything is shown", () => {
      if (this.#schedule.now - asked > asks * askAgainMs) {
        asks++;
        for (const ask of [...missing.values()]) ask();
      }
      return missing.size === 0;
    });
  }

  #judge(): void {
    const { definition } = this.#cluster;
    const initial = definition.items.map(({ name, quantity, priceMinor }) => {
      return { item: name, quantity, volume: 0, priceMinor };
    });
    const history = historyOf(this.#shoppers.history, { complete: true, initial });
    const wrong =
      judgeByPosition(history) ??
      (this.#options.seed % searchedEvery === 0 ? judgeBySearch(history) : undefined);
    if (wrong !== undefined) throw new Error(wrong);
  }
}

/** Rejects with `PromiseBroken` if anything was not as it must be. One at a time. */
export async function runHistory(options: HistoryOptions): Promise<Verdict> {
  return await new History(options).run();
}
