/**
 * One of the system's processes over all its lives: starts it, talks to it, notices its end and starts it again as
 * the restart rule says.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { assert, unreachable } from "../base/assert.ts";
import { type LinkRules, noLinkRules } from "../wire/link-faults.ts";
import type {
  ChangeRefusal,
  ClusterStatus,
  FromProcess,
  MemberChange,
  ProcessConfig,
  ProcessStatus,
  ServiceAddress,
  ToProcess,
} from "../wire/process.ts";
import { ConnectionTaker } from "./connection-taker.ts";
import type { ProcessLog } from "./process-log.ts";
import { afterExit, noRestarts, type RestartHistory } from "./restart-rule.ts";
import { Tickets } from "./tickets.ts";
import type { SupervisorEvent, TimelineEvent } from "./timeline.ts";

export type Life = ClusterStatus["processes"][number]["life"];

export interface ProcessPlan {
  readonly name: string;
  readonly role: ProcessConfig["role"];
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** The program and all its arguments. */
  readonly command: readonly string[];
  readonly log: ProcessLog;
}

/** Whether a process is stopped by a signal (proc(5): the state behind the name in parentheses). */
function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.startsWith("T", stat.lastIndexOf(")") + 2);
  } catch {
    // No such process any more, or no such file system: only our own pauses are known.
    return false;
  }
}

export interface SupervisedEvents {
  timeline(event: TimelineEvent): void;
  /** The process has another life, or another pid. */
  changed(): void;
  cluster(): Promise<ClusterStatus>;
}

const statusTimeoutMs = 300;
const stopTimeoutMs = 5_000;
/** `check --deep` reads every row of a replica. */
const digestTimeoutMs = 10 * 60_000;
const lastLinesShown = 5;

export class SupervisedProcess {
  readonly plan: ProcessPlan;
  /** How connections to the public port reach it, if it is one of several front-ends. */
  readonly taker = new ConnectionTaker(() => this.#life === "ready");
  readonly #events: SupervisedEvents;
  readonly #statuses = new Tickets<ProcessStatus>();
  readonly #digests = new Tickets<unknown>();
  readonly #changes = new Tickets<ChangeRefusal | null>();
  #config: ProcessConfig | undefined;
  #child: ChildProcess | undefined;
  #life: Life = "down";
  #wanted: "running" | "down" = "running";
  #history: RestartHistory = noRestarts;
  #restarts = 0;
  #startedAt = 0;
  #readyAt: number | undefined;
  #failure: string | undefined;
  #watched = false;
  #links = noLinkRules;
  #lastStatus: ProcessStatus | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #ended: PromiseWithResolvers<void> | undefined;

  constructor(plan: ProcessPlan, events: SupervisedEvents) {
    this.plan = plan;
    this.#events = events;
  }

  /** `paused` also if somebody else stopped the process, as far as the system tells. */
  get life(): Life {
    const pid = this.pid;
    return this.#life === "ready" && pid !== undefined && isStopped(pid) ? "paused" : this.#life;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** The last status that it gave in its present life; a paused process keeps it. */
  get lastStatus(): ProcessStatus | undefined {
    return this.#lastStatus;
  }

  /** Start the program; it waits for its configuration. */
  spawn(): void {
    assert(this.#child === undefined, `${this.plan.name} runs already`);
    clearTimeout(this.#restartTimer);
    const [program, ...args] = this.plan.command;
    assert(program !== undefined, "a command has a program");
    this.#wanted = "running";
    this.#readyAt = undefined;
    this.#failure = undefined;
    this.#lastStatus = undefined;
    this.#startedAt = performance.now();
    // A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which then stops all in order.
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe", "ipc"], detached: true });
    this.#child = child;
    this.#ended = Promise.withResolvers<void>();
    this.#life = "starting";
    this.plan.log.clearTail();
    this.plan.log.note(`started as process ${child.pid ?? "(none)"}`);
    child.stdout?.on("data", (chunk: Buffer) => this.plan.log.write(chunk));
    child.stderr?.on("data", (chunk: Buffer) => this.plan.log.write(chunk));
    child.on("message", (message) => this.#receive(message as FromProcess));
    this.taker.attach(child);
    // "exit" comes although a grandchild holds the pipes; what is still in them is read, but not waited for.
    child.once("exit", (code, signal) => this.#exited(child, code, signal));
    child.on("error", (error) => {
      this.plan.log.note(`error: ${error.message}`);
      if (child.pid === undefined) this.#exited(child, null, null);
    });
    if (child.pid !== undefined) this.tell({ kind: "process-started", pid: child.pid });
    this.#events.changed();
    if (this.#links !== noLinkRules) this.#sendLinks();
    if (this.#config !== undefined) this.#send({ kind: "start", config: this.#config });
    if (this.#watched) this.#send({ kind: "watch", on: true });
  }

  /** What the process is to be; sent now if it runs, and at the beginning of every later life. */
  configure(config: ProcessConfig): void {
    this.#config = config;
    this.#send({ kind: "start", config });
  }

  /** The order replicas are others: it hears of that now, and every later life begins with it. */
  replicasChanged(orders: readonly ServiceAddress[]): void {
    if (this.#config === undefined || !("orders" in this.#config)) return;
    this.#config = { ...this.#config, orders } as ProcessConfig;
    this.#send({ kind: "replicas", orders });
  }

  /** An order replica's answer; `undefined` if it gives none in time. `null`: the change is begun. */
  async askChange(change: MemberChange): Promise<ChangeRefusal | null | undefined> {
    if (this.#life !== "ready") return undefined;
    return await this.#changes.open(statusTimeoutMs, (ticket) =>
      this.#send({ kind: "change-members", ticket, change }),
    );
  }

  setWatched(on: boolean): void {
    this.#watched = on;
    this.#send({ kind: "watch", on });
  }

  /** The faults of its links, now and in every later life. */
  setLinks(rules: LinkRules): void {
    if (rules === this.#links) return;
    this.#links = rules;
    this.#sendLinks();
  }

  /** Put on the timeline what was done to it. */
  tell(event: SupervisorEvent): void {
    this.#events.timeline({ at: Date.now(), process: this.plan.name, event });
  }

  /** `undefined` if it does not answer in time. */
  async askStatus(): Promise<ProcessStatus | undefined> {
    if (this.#life !== "ready") return undefined;
    return await this.#statuses.open(statusTimeoutMs, (ticket) => this.#send({ kind: "ask-status", ticket }));
  }

  async askDigest(): Promise<unknown> {
    if (this.#life !== "ready") return undefined;
    return await this.#digests.open(digestTimeoutMs, (ticket) => this.#send({ kind: "ask-digest", ticket }));
  }

  /** SIGKILL. Without `stayDown` it is a crash like any other, and the process is started again. */
  kill(stayDown: boolean): void {
    if (stayDown) {
      this.#wanted = "down";
      clearTimeout(this.#restartTimer);
      if (this.#child === undefined) this.#setLife("down");
    }
    this.#child?.kill("SIGKILL");
  }

  /** Start it again with a clean slate: one that is down, has failed or waits for its next attempt. */
  restart(): boolean {
    if (this.#child !== undefined) return false;
    this.#history = noRestarts;
    this.spawn();
    return true;
  }

  pause(): boolean {
    if (this.#life !== "ready") return false;
    this.#child?.kill("SIGSTOP");
    this.#setLife("paused");
    this.tell({ kind: "process-paused" });
    return true;
  }

  resume(): boolean {
    if (this.life !== "paused") return false;
    this.#child?.kill("SIGCONT");
    this.#setLife("ready");
    this.tell({ kind: "process-resumed" });
    return true;
  }

  /** Ask it to end, wait, and kill it if it does not. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#wanted = "down";
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === undefined) return;
    // A stopped process could not hear it; to a running one this signal means nothing.
    child.kill("SIGCONT");
    this.#send({ kind: "stop" });
    const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await this.#ended?.promise;
    clearTimeout(timer);
  }

  #sendLinks(): void {
    this.#send({ kind: "links", self: this.plan.name, rules: this.#links });
  }

  #send(message: ToProcess): void {
    // A channel that is closing reports through the callback; the process's end is noticed by its exit.
    if (this.#child?.connected) this.#child.send(message, () => undefined);
  }

  #receive(message: FromProcess): void {
    switch (message.kind) {
      case "ready":
        this.#readyAt = performance.now();
        this.#setLife("ready");
        this.tell({ kind: "process-ready", tookMs: Math.round(this.#readyAt - this.#startedAt) });
        this.taker.answered();
        return;
      case "pong":
        this.taker.answered();
        return;
      case "taken":
        this.taker.took();
        return;
      case "event":
        this.#events.timeline({ at: message.at, process: this.plan.name, event: message.event });
        return;
      case "status":
        this.#lastStatus = message.status;
        this.#statuses.settle(message.ticket, message.status);
        return;
      case "digest":
        this.#digests.settle(message.ticket, message.digest);
        return;
      case "change-answered":
        this.#changes.settle(message.ticket, message.refusal);
        return;
      case "ask-cluster":
        void this.#events.cluster().then((cluster) => {
          this.#send({ kind: "cluster", ticket: message.ticket, cluster });
        });
        return;
      case "failed":
        this.#failure = message.message;
        return;
      default:
        unreachable(message);
    }
  }

  #exited(child: ChildProcess, code: number | null, signal: string | null): void {
    if (this.#child !== child) return;
    // This life's, taken before a restart puts the next life's in its place.
    const ended = this.#ended;
    this.#child = undefined;
    this.#statuses.abandon();
    this.#digests.abandon();
    this.#changes.abandon();
    this.plan.log.note(signal === null ? `ended with code ${code}` : `ended by ${signal}`);
    const restartInMs = this.#decideRestart();
    this.tell({ kind: "process-exited", code, signal, wanted: this.#wanted === "down", restartInMs });
    if (restartInMs === 0) this.spawn();
    else if (restartInMs !== null) this.#restartTimer = setTimeout(() => this.spawn(), restartInMs);
    else if (this.#wanted === "running") this.tell({ kind: "process-failed", message: this.#reason() });
    ended?.resolve();
    this.#events.changed();
  }

  /** Milliseconds until the next life; `null`: none. Sets what the process is meanwhile. */
  #decideRestart(): number | null {
    if (this.#wanted === "down") {
      this.#life = "down";
      return null;
    }
    const readyForMs = this.#readyAt === undefined ? undefined : performance.now() - this.#readyAt;
    const decision = afterExit(this.#history, readyForMs);
    if (this.#failure !== undefined || decision.kind === "give-up") {
      this.#life = "failed";
      return null;
    }
    this.#history = decision.history;
    this.#life = "down";
    this.#restarts++;
    return decision.afterMs;
  }

  /** Why it failed, as well as is known. */
  #reason(): string {
    if (this.#failure !== undefined) return this.#failure;
    const lines = this.plan.log.lastLines(lastLinesShown);
    const said = lines.length === 0 ? "" : ` It said:\n  ${lines.join("\n  ")}`;
    return `It ended several times before it was ready; see ${this.plan.log.path}.${said}`;
  }

  #setLife(life: Life): void {
    this.#life = life;
    this.#events.changed();
  }
}
