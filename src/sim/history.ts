/**
 * One history: the whole system lives through a seed's faults while shoppers order and look; then the faults end, all
 * must be well again within a bounded time, and what the shoppers were told is judged by checkers that know nothing of
 * the code that they judge.
 */
import { assert } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { checkByPosition } from "../check/by-position.ts";
import { historyOf, type Operation } from "../check/history.ts";
import { timeline } from "../check/timeline.ts";
import type { Digest } from "../store/port.ts";
import { enterWorld } from "./clock.ts";
import { SimCluster } from "./cluster.ts";
import { enterHttp } from "./http.ts";
import { unmountAll } from "./mounts.ts";
import { Nemesis } from "./nemesis.ts";
import { enterNetwork } from "./net.ts";
import { Network } from "./network.ts";
import { ProcessEnded, type SimProcess } from "./process.ts";
import { Schedule } from "./schedule.ts";
import { Shoppers } from "./shoppers.ts";
import { Sometimes } from "./sometimes.ts";
import type { Verdict } from "./task.ts";

export interface HistoryOptions {
  readonly seed: number;
  /** Virtual milliseconds until the faults end. */
  readonly ms: number;
  readonly faults: boolean;
  readonly sometimes?: Sometimes;
  readonly trace?: (line: string) => void;
}

/** A promise was broken; `history` is what the shoppers were told until then. */
export class PromiseBroken extends Error {
  override readonly name = "PromiseBroken";
  readonly history: readonly Operation[];

  constructor(message: string, history: readonly Operation[], cause?: unknown) {
    super(message, { cause });
    this.history = history;
  }
}

/** How long it may take until all is well after the last fault: leases, elections, copies and their pauses together. */
const wellMs = 90_000;
const lookMs = 100;

class History {
  readonly #options: HistoryOptions;
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #cluster: SimCluster;
  readonly #shoppers: Shoppers;
  readonly #nemesis: Nemesis;
  readonly #sometimes: Sometimes;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#sometimes = options.sometimes ?? new Sometimes();
    const schedule = new Schedule(
      options.seed,
      (machine, error) =>
        this.uncaught(
          this.#cluster.processes.find((one) => one.machine === machine),
          error,
        ),
      options.trace,
    );
    this.#schedule = schedule;
    this.#network = new Network(schedule);
    enterWorld(schedule);
    enterNetwork(this.#network);
    enterHttp(this.#network);
    this.#cluster = new SimCluster(schedule, this.#network, this.#sometimes, {
      broken: (error) => schedule.fail(error),
      died: (process, error) => this.#died(process, error),
      emitted: (process) => this.#nemesis.strike(process),
    });
    this.#nemesis = new Nemesis(schedule, this.#network, this.#cluster, this.#sometimes);
    const { resource, items } = this.#cluster.definition;
    this.#shoppers = new Shoppers({
      schedule,
      sometimes: this.#sometimes,
      resource,
      items: items.map(({ name }) => name),
      ports: this.#cluster.frontendPorts,
    });
  }

  /** A promise was rejected, by whichever process, and nobody handled it: it would have ended in production. */
  rejected(error: unknown): void {
    if (!(error instanceof ProcessEnded)) this.#schedule.fail(error);
  }

  /** The process whose turn it is threw. */
  uncaught(process: SimProcess | undefined, error: unknown): void {
    if (error instanceof ProcessEnded) return;
    if (process === undefined) this.#schedule.fail(error);
    else process.failed(error);
  }

  async run(): Promise<Verdict> {
    try {
      return await this.#live();
    } catch (error) {
      const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new PromiseBroken(told, this.#shoppers.history, error);
    } finally {
      enterWorld(undefined);
      enterNetwork(undefined);
      enterHttp(undefined);
      unmountAll();
    }
  }

  async #live(): Promise<Verdict> {
    const schedule = this.#schedule;
    await this.#cluster.start();
    this.#shoppers.start();
    if (this.#options.faults) {
      await schedule.run(schedule.now + 2_000 * schedule.random());
      this.#nemesis.start();
    }
    await schedule.run(this.#options.ms);
    schedule.trace(() => "== the faults end");
    this.#nemesis.end();
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

  /** Only a disk's failure, or what was damaged, may end a process by itself. */
  #died(process: SimProcess, error: unknown): void {
    const order = this.#cluster.orderOf(process);
    const ofDisk = error instanceof OperatingFailure || (error instanceof Error && "code" in error);
    if (order !== undefined && ofDisk && (order.diskFailed || error instanceof OperatingFailure)) {
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
    await this.#until("orders are answered at every front-end", () => placed === frontendPorts.length);
    this.#shoppers.stop();
    await this.#until("no order waits", () => this.#shoppers.openOrders === 0);
    await this.#until("all have applied the same", () => this.#agree());
    await this.#compareStates();
    await this.#lookAtAll();
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const schedule = this.#schedule;
    const end = schedule.now + wellMs;
    while (!condition()) {
      assert(
        schedule.now < end,
        () => `within ${wellMs} ms of the last fault: ${what}\n${this.#tellStatus()}`,
      );
      await schedule.run(schedule.now + lookMs);
    }
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

  /** Every item and every order, through every front-end: what was acknowledged must be there. */
  async #lookAtAll(): Promise<void> {
    const { frontendPorts, definition } = this.#cluster;
    const last = 1_000_000;
    const missing = new Set<string>();
    const [port] = frontendPorts as readonly [number];
    for (const each of frontendPorts) {
      for (const { name } of definition.items) {
        const what = `${name} at ${each}`;
        missing.add(what);
        this.#shoppers.read(last, each, name, () => missing.delete(what));
      }
    }
    for (let number = 0; number < this.#shoppers.nextNumber; number++) {
      const what = `order ${number}`;
      missing.add(what);
      this.#shoppers.query(last, port, number, () => missing.delete(what));
    }
    await this.#until("everything is shown", () => missing.size === 0);
  }

  #judge(): void {
    const { definition } = this.#cluster;
    const initial = definition.items.map(({ name, quantity, priceMinor }) => {
      return { item: name, quantity, volume: 0, priceMinor };
    });
    const history = historyOf(this.#shoppers.history, { complete: true, initial });
    const verdict = checkByPosition(history);
    if (verdict.kind === "ok") return;
    const told = verdict.violations
      .slice(0, 3)
      .map(({ rule, message, operations }) => `${rule}: ${message}\n${timeline(history, operations)}`);
    throw new Error([`${verdict.violationsTotal} violations`, ...told].join("\n"));
  }
}

/** Rejects with `PromiseBroken` if anything was not as it must be. One at a time. */
export async function runHistory(options: HistoryOptions): Promise<Verdict> {
  const history = new History(options);
  const rejected = (error: unknown): void => history.rejected(error);
  process.on("unhandledRejection", rejected);
  try {
    return await history.run();
  } finally {
    process.off("unhandledRejection", rejected);
  }
}
