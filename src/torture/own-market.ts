/**
 * The market that is tortured: `up` as a process of its own, in a directory of its own, on any free port. Faults are done
 * to its processes from outside, by pid, as the world does them, or by the control socket where the world is a link.
 * Whatever becomes of this process, the market ends with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ControlReply, ControlRequest } from "../supervisor/control.ts";
import { askSupervisor } from "../supervisor/control-client.ts";
import type { ClusterStatus } from "../wire/process.ts";
import { until } from "./wait.ts";

export type ProcessRow = ClusterStatus["processes"][number];

export interface OwnMarketOptions {
  /** It is made; cluster data, and nothing else, will be in it. */
  readonly data: string;
  /** Further flags for `up`. */
  readonly words: readonly string[];
  /** Besides our own. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const entry = fileURLToPath(new URL("../../bin/bazaar.mjs", import.meta.url));
const startWithinMs = 120_000;
const stopWithinMs = 30_000;
const runWithinMs = 10 * 60_000;
const saidBytesMax = 1024 * 1024;

/**
 * Ends `up` when its standard input does: at the latest with this process, however that ends. What has the number of a
 * process that is gone is left alone.
 */
const endAtEnd =
  'cat > /dev/null; if tr "\\0" " " < "/proc/$0/cmdline" 2> /dev/null | grep -qF -- "$1"; then kill -TERM "$0"; fi';

function cameToAnEnd(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Whether a process of this number has `mark` on its command line: it is no stranger who came after. */
function isMarked(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
  } catch {
    return false; // No such process any more.
  }
}

export class OwnMarket {
  readonly data: string;
  readonly #options: OwnMarketOptions;
  #child: ChildProcess | undefined;
  #warden: ChildProcess | undefined;
  #url = "";
  /** What `up` has said, or the end of it. */
  #said = "";

  constructor(options: OwnMarketOptions) {
    this.#options = options;
    this.data = options.data;
  }

  get url(): string {
    return this.#url;
  }

  get said(): string {
    return this.#said;
  }

  /** Start it; again after `stop`, on the same data. Resolves when it says that it is ready. */
  async up(): Promise<void> {
    const { words, environment } = this.#options;
    const port = this.#url === "" ? "0" : new URL(this.#url).port;
    const child = spawn(process.execPath, [entry, "up", "--data", this.data, "--port", port, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
      // Ctrl-C is ours: the market must outlive it for as long as it takes to look at it.
      detached: true,
    });
    this.#child = child;
    this.#warden = spawn("sh", ["-c", endAtEnd, `${child.pid}`, this.data], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    let said = "";
    const collect = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-saidBytesMax);
      this.#said = said;
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    this.#url = await until(
      "the market to be ready",
      () => {
        if (cameToAnEnd(child)) throw new Error(`up ended with ${child.exitCode}:\n${said}`);
        return /^ready in .*: (http:\S+)/m.exec(said)?.[1];
      },
      startWithinMs,
    );
  }

  get isUp(): boolean {
    return this.#child !== undefined && !cameToAnEnd(this.#child);
  }

  /** Stop everything in order, as Ctrl-C does; or the hard way, if it takes too long. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && !cameToAnEnd(child)) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
      await ended;
      clearTimeout(timer);
    }
    this.#warden?.stdin?.end();
  }

  /** Throws a refusal's words. */
  async ask(request: ControlRequest): Promise<Exclude<ControlReply, { kind: "refused" }>> {
    const reply = await askSupervisor(this.data, request);
    if (reply.kind === "refused") throw new Error(reply.message);
    return reply;
  }

  async status(): Promise<ClusterStatus> {
    const reply = await this.ask({ verb: "status" });
    if (reply.kind !== "status") throw new Error(`no status: ${JSON.stringify(reply)}`);
    return reply.cluster;
  }

  /** Send a signal to these processes. Returns the numbers of those that there were. */
  signal(signal: NodeJS.Signals, rows: readonly Pick<ProcessRow, "pid">[]): readonly number[] {
    const pids = rows.flatMap(({ pid }) => (pid !== null && isMarked(pid, this.data) ? [pid] : []));
    for (const pid of pids) process.kill(pid, signal);
    return pids;
  }

  /** A verb of the command line, on this market. */
  async run(...words: readonly string[]): Promise<Ran> {
    const child = spawn(process.execPath, [entry, ...words, "--data", this.data], {
      timeout: runWithinMs,
      killSignal: "SIGKILL",
    });
    const ran = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      ran.stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      ran.stderr += chunk.toString();
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, ...ran };
  }

  /** The cluster's own name, which its processes greet each other with. */
  get cluster(): string {
    const file: unknown = JSON.parse(readFileSync(join(this.data, "cluster.json"), "utf8"));
    return (file as { cluster: string }).cluster;
  }

  /** Where each front-end is reached without the public port. */
  async frontendUrls(): Promise<readonly string[]> {
    const { processes } = await this.status();
    return processes
      .filter(({ role }) => role === "frontend")
      .map(({ address, port }) => `http://${address}:${port}`);
  }

  /** The directory of one replica. */
  replicaDirectory(name: string): string {
    return join(this.data, name);
  }
}

/** Whether all run, and every replica follows the one leader and has applied what any had at `floor`. */
export function isWhole({ leader, term, processes }: ClusterStatus, floor: number): boolean {
  const id = processes.find(({ name }) => name === leader)?.id;
  return (
    leader !== null &&
    processes.every((row) => {
      if (!row.up || row.life !== "ready") return false;
      if (row.role === "frontend") return true;
      if (row.role === "catalog") return (row.position ?? 0) >= floor;
      if (row.state === "recovering") return false;
      return row.leader === id && row.term === term && (row.position ?? 0) >= floor;
    })
  );
}

/** The highest position that any process is known to have applied. */
export function highestPosition({ processes }: ClusterStatus): number {
  return Math.max(0, ...processes.map(({ position }) => position ?? 0));
}
