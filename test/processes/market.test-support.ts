/**
 * A whole market as an operator would start it: `up` as a process of its own, in a directory of its own, on a port of
 * its own. Faults are done to its processes from outside, by pid, as the world does them. Whatever happens, nothing
 * is left: not after a failed test, and not when this process is told to end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { askSupervisor } from "../../src/supervisor/control-client.ts";
import type { ClusterStatus } from "../../src/wire/process.ts";
import { bazaar, eventually, isMarked, type Ran } from "../supervisor/system-under-test.ts";

import { logTails } from "./diagnosis.test-support.ts";

export { eventually } from "../supervisor/system-under-test.ts";

export type ProcessRow = ClusterStatus["processes"][number];

/** What a test may want otherwise than `up` has it by default. */
export interface MarketOptions {
  readonly orders?: 1 | 3 | 5;
  readonly frontends?: number;
  readonly catalogs?: number;
  readonly cache?: number | "off";
  /** Mebibytes. */
  readonly logKeep?: number;
  readonly logSegment?: number;
  /** Where its directory is made; the system's temporary directory if not given. */
  readonly parent?: string;
  /** Further flags for `up`. */
  readonly words?: readonly string[];
  /** Besides our own. */
  readonly environment?: Readonly<Record<string, string>>;
}

function flagsOf(options: MarketOptions): readonly string[] {
  const { orders, frontends, catalogs, cache, logKeep, logSegment, words = [] } = options;
  const named = {
    orders,
    frontends,
    catalogs,
    cache,
    "log-keep": logKeep,
    "log-segment": logSegment,
  };
  const given = Object.entries(named).flatMap(([flag, value]) => {
    return value === undefined ? [] : [`--${flag}`, `${value}`];
  });
  return [...given, ...words];
}

const entry = fileURLToPath(new URL("../../bin/bazaar.mjs", import.meta.url));
const startWithinMs = 60_000;
const stopWithinMs = 30_000;

/** Markets of this process that are not yet closed. */
const open = new Set<Market>();

// A test file that takes too long is told to end, and its hooks do not run then.
function abandonAll(signal: NodeJS.Signals): void {
  for (const market of open) market.abandon();
  process.kill(process.pid, signal);
}
process.once("SIGTERM", abandonAll);
process.once("SIGINT", abandonAll);

export class Market {
  readonly directory: string;
  #options: MarketOptions;
  #child: ChildProcess | undefined;
  #said = "";
  #url = "";
  /** Every process that this market was seen to have. */
  readonly #seen = new Set<number>();
  /** How often the test has ended each process so that it is started again, since `up`. */
  readonly #ends = new Map<string, number>();
  /** What a test has watched, for a diagnosis. */
  readonly #witnesses: (() => string)[] = [];

  private constructor(options: MarketOptions) {
    this.#options = options;
    this.directory = mkdtempSync(join(options.parent ?? tmpdir(), "bazaar-market-"));
  }

  /** Resolves when it says that it is ready. */
  static async start(options: MarketOptions = {}): Promise<Market> {
    const market = new Market(options);
    open.add(market);
    try {
      await market.up();
    } catch (error) {
      await market.close();
      throw error;
    }
    return market;
  }

  get url(): string {
    return this.#url;
  }

  get port(): number {
    return Number(new URL(this.#url).port);
  }

  /** A file in the market's directory that is none of its own. */
  file(name: string): string {
    return join(this.directory, name);
  }

  get #data(): string {
    return join(this.directory, "data");
  }

  /**
   * Start it again after `stop`, on the same data and port, with other options if there are any. Resolves to the
   * milliseconds until it was ready.
   */
  async up(options: MarketOptions = this.#options): Promise<number> {
    this.#options = options;
    this.#ends.clear();
    const started = performance.now();
    const port = this.#url === "" ? 0 : this.port;
    const words = ["up", "--data", this.#data, "--port", `${port}`, ...flagsOf(options)];
    const child = spawn(process.execPath, [entry, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.environment },
    });
    this.#child = child;
    let said = "";
    const collect = (chunk: Buffer): void => {
      said += chunk.toString();
      this.#said = said;
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    this.#url = await eventually(
      "the market to be ready",
      () => {
        if (child.exitCode !== null) throw new Error(`up ended with ${child.exitCode}:\n${said}`);
        return /^ready in .*: (http:\S+)/m.exec(said)?.[1];
      },
      startWithinMs,
    );
    const tookMs = performance.now() - started;
    await this.status();
    return tookMs;
  }

  /** What `up` has said since it was last started. */
  get said(): string {
    return this.#said;
  }

  /** Stop everything in order, as Ctrl-C does. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
    await ended;
    clearTimeout(timer);
  }

  async status(): Promise<ClusterStatus> {
    const reply = await askSupervisor(this.#data, { verb: "status" });
    if (reply.kind !== "status") throw new Error(`no status: ${JSON.stringify(reply)}`);
    for (const { pid } of reply.cluster.processes) if (pid !== null) this.#seen.add(pid);
    return reply.cluster;
  }

  async process(name: string): Promise<ProcessRow> {
    const row = (await this.status()).processes.find((process) => process.name === name);
    if (row === undefined) throw new Error(`no process ${name}`);
    return row;
  }

  /** The own port of every process of a role, by its name; see `frontendUrls`. */
  async ports(role: ProcessRow["role"]): Promise<ReadonlyMap<string, number>> {
    const { processes } = await this.status();
    return new Map(processes.filter((row) => row.role === role).map(({ name, port }) => [name, port]));
  }

  /** Where each front-end is reached without the public port, in their order, as `GET /cluster` has it. */
  async frontendUrls(): Promise<readonly string[]> {
    const reply = await fetch(`${this.url}/cluster`, { headers: { connection: "close" } });
    const { data } = (await reply.json()) as { readonly data: ClusterStatus };
    return data.processes
      .filter(({ role }) => role === "frontend")
      .map(({ address, port }) => `http://${address}:${port}`);
  }

  /** The name of the present leader. */
  async leader(): Promise<string> {
    return await eventually("a leader", async () => (await this.status()).leader ?? undefined);
  }

  async followers(): Promise<string[]> {
    const { leader, processes } = await this.status();
    return processes.filter(({ role, name }) => role === "order" && name !== leader).map(({ name }) => name);
  }

  /** All run, and every replica follows the one leader and has applied what any had when this was asked. */
  async whole(withinMs = 60_000): Promise<ClusterStatus> {
    const before = await this.status();
    const floor = Math.max(0, ...before.processes.map(({ position }) => position ?? 0));
    return await eventually(
      "the market to be whole",
      async () => {
        const cluster = await this.status();
        const { leader, term, processes } = cluster;
        const id = processes.find(({ name }) => name === leader)?.id;
        const isWhole = processes.every((row) => {
          if (!row.up || row.life !== "ready") return false;
          if (row.role === "frontend") return true;
          if (row.role === "catalog") return (row.position ?? 0) >= floor;
          if (row.state === "recovering") return false;
          return row.leader === id && row.term === term && (row.position ?? 0) >= floor;
        });
        return leader !== null && isWhole && cluster;
      },
      withinMs,
    );
  }

  /** The test makes these processes end so that they are started again, other than by `kill`. */
  causeEnd(...names: string[]): void {
    for (const name of names) this.#ends.set(name, (this.#ends.get(name) ?? 0) + 1);
  }

  /** Processes that were started again more often than this test has ended them, in words. */
  async unexpectedEnds(): Promise<readonly string[]> {
    const { processes } = await this.status();
    return processes.flatMap(({ name, restarts }) => {
      const caused = this.#ends.get(name) ?? 0;
      return restarts > caused ? [`${name} was started again ${restarts} times, ended ${caused} times`] : [];
    });
  }

  /** Something that can say what happened, should the test fail. */
  addWitness(says: () => string): void {
    this.#witnesses.push(says);
  }

  /** What the witnesses say, and the ends of all logs. */
  diagnosis(): string {
    return [...this.#witnesses.map((says) => says()), logTails(this.#data)].join("\n");
  }

  /** Send signals at once to the processes of these names. */
  async #signal(signal: NodeJS.Signals, names: readonly string[]): Promise<void> {
    const { processes } = await this.status();
    for (const { name, pid } of processes) {
      if (!names.includes(name) || pid === null) continue;
      if (signal === "SIGKILL") this.causeEnd(name);
      process.kill(pid, signal);
    }
  }

  /** SIGKILL; the supervisor starts them again. */
  async kill(...names: string[]): Promise<void> {
    await this.#signal("SIGKILL", names);
  }

  async pause(...names: string[]): Promise<void> {
    await this.#signal("SIGSTOP", names);
  }

  async resume(...names: string[]): Promise<void> {
    await this.#signal("SIGCONT", names);
  }

  /** Everything but the supervisor, in one go. */
  async killEverything(): Promise<void> {
    const { processes } = await this.status();
    for (const { name, pid } of processes) {
      if (pid === null) continue;
      this.causeEnd(name);
      process.kill(pid, "SIGKILL");
    }
  }

  /** The supervisor, whose processes then end with it; `up` starts another. */
  async killSupervisor(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Kill and hold down until `start`. */
  async hold(name: string): Promise<void> {
    const ran = await this.run("kill", name, "--stay-down");
    if (ran.code !== 0) throw new Error(ran.stderr);
    await eventually(`${name} down`, async () => (await this.process(name)).life === "down");
  }

  /** Let one that is held down, or has failed, run again. */
  async start(name: string): Promise<void> {
    const ran = await this.run("start", name);
    if (ran.code !== 0) throw new Error(ran.stderr);
  }

  /** A verb of the command line, on this market. */
  async run(verb: string, ...words: string[]): Promise<Ran> {
    return await bazaar(verb, ...words, "--data", this.#data);
  }

  /** Empty if `check` finds nothing, else what it said. */
  async differences(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run("check", ...words);
    return code === 0 ? "" : `check ended with ${code}: ${stdout}${stderr}`;
  }

  /** The cluster's own name, which its processes greet each other with. */
  get cluster(): string {
    const file: unknown = JSON.parse(readFileSync(join(this.#data, "cluster.json"), "utf8"));
    return (file as { cluster: string }).cluster;
  }

  /** The directory of one replica's log. */
  logDirectory(name: string): string {
    return join(this.#data, name, "log");
  }

  async close(): Promise<void> {
    try {
      await this.stop();
    } finally {
      this.abandon();
    }
  }

  /** End it the hard way, now. */
  abandon(): void {
    open.delete(this);
    const child = this.#child;
    if (child !== undefined && child.exitCode === null) child.kill("SIGKILL");
    for (const pid of this.#seen) if (isMarked(pid, this.directory)) process.kill(pid, "SIGKILL");
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
