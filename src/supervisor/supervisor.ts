/**
 * Owns all processes of one running system: starts them at once, restarts what ends, stops them in order, answers
 * for the whole. What it decides lies beside it (restart rule, cluster status); this is the shell around it.
 */
import { present } from "../base/assert.ts";
import { type LinkRules, noLinkRules } from "../wire/link-faults.ts";
import type { ClusterStatus, ProcessConfig, ServiceAddress } from "../wire/process.ts";
import { clusterStatus, type NamedMarket } from "./cluster-status.ts";
import type { ConnectionTaker } from "./connection-taker.ts";
import { rulesFor } from "./link-rules.ts";
import { type ProcessPlan, SupervisedProcess } from "./supervised-process.ts";
import type { TimelineEvent } from "./timeline.ts";
import { Warden } from "./warden.ts";

/** A process's digest, or why there is none. */
export interface NamedDigest {
  readonly name: string;
  /** `undefined`: it is not ready, or did not answer. */
  readonly digest: unknown;
}

export class Supervisor {
  readonly #market: NamedMarket;
  readonly #warden: Warden;
  #processes: readonly SupervisedProcess[];
  readonly #timeline: (event: TimelineEvent) => void;
  readonly #started: PromiseWithResolvers<void> = Promise.withResolvers();
  #links = noLinkRules;
  #watched = false;

  /** `run` is the token that every plan's command carries (see warden.ts). Starts every process. */
  constructor(
    market: NamedMarket,
    run: string,
    plans: readonly ProcessPlan[],
    timeline: (event: TimelineEvent) => void,
  ) {
    this.#market = market;
    this.#timeline = timeline;
    this.#processes = plans.map((plan) => this.#begin(plan));
    this.#warden = new Warden(run);
    for (const process of this.#processes) process.spawn();
  }

  #begin(plan: ProcessPlan): SupervisedProcess {
    return new SupervisedProcess(plan, {
      timeline: (event) => this.#timeline(event),
      changed: () => this.#changed(),
      cluster: () => this.status(),
    });
  }

  /** One more order replica; the order of the processes in what is shown stays by role and id. */
  add(plan: ProcessPlan, config: ProcessConfig): void {
    const process = this.#begin(plan);
    const last = this.#processes.findLastIndex(({ plan: { role } }) => role === plan.role);
    this.#processes = this.#processes.toSpliced(last + 1, 0, process);
    process.spawn();
    process.configure(config);
    process.setWatched(this.#watched);
  }

  /** Stopped for good, and named no more. */
  async remove(name: string): Promise<void> {
    const process = this.process(name);
    if (process === undefined) return;
    await process.stop();
    this.#processes = this.#processes.filter((each) => each !== process);
    process.plan.log.close();
  }

  replicasChanged(orders: readonly ServiceAddress[]): void {
    for (const process of this.#processes) process.replicasChanged(orders);
  }

  get names(): readonly string[] {
    return this.#processes.map(({ plan }) => plan.name);
  }

  /** Resolves when every process is ready, or was given up. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  get wardenPid(): number | undefined {
    return this.#warden.pid;
  }

  /** The processes' own numbers, of those that run. */
  get pids(): readonly number[] {
    return this.#processes.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  process(name: string): SupervisedProcess | undefined {
    return this.#processes.find(({ plan }) => plan.name === name);
  }

  /** Of every front-end. */
  get takers(): readonly ConnectionTaker[] {
    return this.#processes.filter(({ plan }) => plan.role === "frontend").map(({ taker }) => taker);
  }

  configure(configs: readonly ProcessConfig[]): void {
    for (const config of configs) present(this.process(config.name), config.name).configure(config);
  }

  setWatched(on: boolean): void {
    this.#watched = on;
    for (const process of this.#processes) process.setWatched(on);
  }

  /** What is cut or slowed on purpose. */
  get links(): LinkRules {
    return this.#links;
  }

  /**
   * From now on these links are cut or slow, and no others. Resolves when every process that runs has heard of it, or
   * has not said so for a while because it stands still: then it hears of it before anything else.
   */
  async setLinks(rules: LinkRules): Promise<void> {
    const before = this.#links;
    this.#links = rules;
    const concerned = this.#processes.filter(({ plan: { name } }) => {
      return rulesFor(before, name) !== noLinkRules || rulesFor(rules, name) !== noLinkRules;
    });
    for (const process of concerned) process.setLinks(rulesFor(rules, process.plan.name));
    await Promise.all(concerned.map((process) => process.askStatus()));
  }

  async status(): Promise<ClusterStatus> {
    await Promise.all(this.#processes.map((process) => process.askStatus()));
    const views = this.#processes.map((process) => {
      const { plan, life, pid, restarts } = process;
      // Of a process that is gone or begins anew, what it said in an earlier life is no longer so.
      const status = life === "ready" || life === "paused" ? process.lastStatus : undefined;
      return { plan, life, pid, restarts, status };
    });
    return clusterStatus(this.#market, views, this.#links);
  }

  async digests(): Promise<readonly NamedDigest[]> {
    const replicas = this.#processes.filter(({ plan }) => plan.role === "order");
    return await Promise.all(
      replicas.map(async (replica) => ({ name: replica.plan.name, digest: await replica.askDigest() })),
    );
  }

  /** Front-ends first, so that what they accepted is still answered by the catalogs and replicas. */
  async stop(): Promise<void> {
    for (const role of ["frontend", "catalog", "order"] as const) {
      const ofRole = this.#processes.filter(({ plan }) => plan.role === role);
      await Promise.all(ofRole.map((process) => process.stop()));
    }
    this.#warden.close();
    for (const { plan } of this.#processes) plan.log.close();
  }

  /** No time for order: end everything now. */
  killAll(): void {
    for (const process of this.#processes) process.kill(true);
  }

  #changed(): void {
    // Called by a process's constructor-time spawn too, after the warden exists and before all of them run.
    this.#warden.watch(this.pids);
    if (this.#processes.every(({ life }) => life === "ready" || life === "failed" || life === "paused")) {
      this.#started.resolve();
    }
  }
}
