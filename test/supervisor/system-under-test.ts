/** A real system for a test: `up` as a process of its own, on a data directory of its own, gone with the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ClusterStatus } from "../../src/wire/process.ts";

const entry = fileURLToPath(new URL("../../bin/bazaar.mjs", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Resolves once `condition` gives something; throws, saying what was waited for, after `withinMs`. */
export async function eventually<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 15_000,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > until) throw new Error(`waited in vain for: ${what}`);
    await sleep(20);
  }
}

/** Whether a process exists that has not yet ended; a zombie has. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.startsWith("Z", stat.lastIndexOf(")") + 2);
  } catch {
    return false;
  }
}

/**
 * Whether a process of this number exists that has `mark` on its command line. The number of a process that has ended
 * may be a stranger's by now.
 */
export function isMarked(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
  } catch {
    return false; // no such process any more
  }
}

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** When the test is over, whatever its outcome; the newest first, so that a system ends before its directory goes. */
function afterwards(t: TestContext, cleanup: () => unknown): void {
  const known = cleanups.get(t);
  if (known !== undefined) {
    known.push(cleanup);
    return;
  }
  const stack = [cleanup];
  cleanups.set(t, stack);
  t.after(async () => {
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) await next();
  });
}

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-test-"));
  afterwards(t, () => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return directory;
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const said = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => {
    said.stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    said.stderr += chunk.toString();
  });
  return said;
}

/** Run a verb to its end. One that does not end is killed, and the test fails by its exit code. */
export async function bazaar(...words: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [entry, ...words], { timeout: 30_000, killSignal: "SIGKILL" });
  const said = collect(child);
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once("close", (code) => resolve(code));
  const code = await promise;
  return { code, ...said };
}

export class RunningUp {
  readonly directory: string;
  readonly child: ChildProcess;
  readonly said: { stdout: string; stderr: string };
  readonly #exit: Promise<number | null>;
  /** Every process that this system was seen to have. */
  readonly #seen = new Set<number>();

  constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.child = child;
    this.said = collect(child);
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once("close", (code) => resolve(code));
    this.#exit = promise;
  }

  get exit(): Promise<number | null> {
    return this.#exit;
  }

  get url(): string {
    return /ready in .*: (http:\S+)/.exec(this.said.stdout)?.[1] ?? "";
  }

  async ready(): Promise<void> {
    await eventually(`ready (it said ${this.said.stderr})`, () => {
      if (this.child.exitCode !== null) throw new Error(`up ended: ${this.said.stderr}`);
      return this.url !== "";
    });
    await this.status();
  }

  async run(verb: string, ...words: string[]): Promise<Ran> {
    return await bazaar(verb, ...words, "--data", this.directory);
  }

  async status(): Promise<ClusterStatus> {
    const { code, stdout, stderr } = await this.run("status", "--json");
    if (code !== 0) throw new Error(`status ended with ${code}: ${stderr}`);
    const cluster = JSON.parse(stdout) as ClusterStatus;
    for (const { pid } of cluster.processes) if (pid !== null) this.#seen.add(pid);
    return cluster;
  }

  async process(name: string): Promise<ClusterStatus["processes"][number]> {
    const row = (await this.status()).processes.find((process) => process.name === name);
    if (row === undefined) throw new Error(`no process ${name}`);
    return row;
  }

  get pidsSeen(): readonly number[] {
    return [...this.#seen];
  }

  /** Whatever the test has done: nothing of it is left. */
  async end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill("SIGTERM");
      const timer = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
      await this.#exit;
      clearTimeout(timer);
    }
    for (const pid of this.#seen) if (isMarked(pid, this.directory)) process.kill(pid, "SIGKILL");
  }
}

/** `up` on any free port; ended when the test is. */
export async function up(t: TestContext, directory: string, ...words: string[]): Promise<RunningUp> {
  const args = [entry, "up", "--data", directory, "--port", "0", ...words];
  const running = new RunningUp(
    directory,
    spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] }),
  );
  afterwards(t, () => running.end());
  await running.ready();
  return running;
}
