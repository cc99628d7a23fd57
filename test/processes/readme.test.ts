/**
 * README.md's "A market in a minute", as it is written: the commands are taken from its text, go through npm as a
 * newcomer types them, and do what the text around them says. Only `npm ci` is left out. The folder is a stand-in for
 * the project's (its `package.json`, with links to what the scripts name), so that `data/` is not anybody's.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { present } from "../../src/base/assert.ts";
import { askSupervisor } from "../../src/supervisor/control-client.ts";
import type { ClusterStatus } from "../../src/wire/process.ts";
import { eventually, isAlive, isMarked } from "../supervisor/system-under-test.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const install = "npm ci && ";
const commandWithinMs = 60_000;
const readyWithinMs = 60_000;

/** The lines of each `sh` block of the section. */
function commandBlocks(): readonly (readonly string[])[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const section = /^## A market in a minute\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? "";
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block.trim().split("\n"));
}

async function assertFree(port: number): Promise<void> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening").catch(() => {
    assert.fail(`Port ${port}, which the README uses, is taken: end what listens there, then test again.`);
  });
  server.close();
  await once(server, "close");
}

interface Typed {
  readonly child: ChildProcess;
  /** What it said so far, on either stream. */
  readonly said: { stdout: string; stderr: string };
}

/** A newcomer's terminal. */
class Terminal {
  readonly directory = mkdtempSync(join(tmpdir(), "bazaar-readme-"));
  readonly #running = new Set<ChildProcess>();
  /** Every process that the market was seen to have. */
  readonly #seen = new Set<number>();
  readonly #abandon = (signal: NodeJS.Signals): void => {
    this.close();
    process.kill(process.pid, signal);
  };

  constructor() {
    copyFileSync(join(root, "package.json"), join(this.directory, "package.json"));
    for (const name of ["bin", "node_modules"]) symlinkSync(join(root, name), join(this.directory, name));
    // A test file that takes too long is told to end, and its hooks do not run then.
    process.once("SIGTERM", this.#abandon);
    process.once("SIGINT", this.#abandon);
  }

  get data(): string {
    return join(this.directory, "data");
  }

  /** Start what was typed, as a process group of its own. */
  type(line: string): Typed {
    // What `npm test` tells its scripts is not for the ones that are started here.
    const env = Object.entries(process.env).filter(([name]) => !/^(npm_|BAZAAR_|INIT_CWD$)/i.test(name));
    const child = spawn("/bin/sh", ["-c", line], {
      cwd: this.directory,
      env: Object.fromEntries(env),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#running.add(child);
    child.once("close", () => this.#running.delete(child));
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      said.stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said.stderr += chunk.toString();
    });
    return { child, said };
  }

  /** Type it and wait for its end, which must be a good one. Resolves to what it wrote. */
  async run(line: string | undefined): Promise<string> {
    const { child, said } = this.type(present(line, "a command in the README"));
    const timer = setTimeout(() => signalGroup(child, "SIGKILL"), commandWithinMs);
    const [code] = (await once(child, "close")) as [number | null];
    clearTimeout(timer);
    assert.equal(code, 0, `${line} ended with ${code}: ${said.stdout}${said.stderr}`);
    return said.stdout;
  }

  /** The JSON that a `curl` shows. */
  async curl(line: string | undefined): Promise<Reply> {
    return JSON.parse(await this.run(line)) as Reply;
  }

  async status(): Promise<ClusterStatus> {
    const reply = await askSupervisor(this.data, { verb: "status" });
    assert.ok(reply.kind === "status");
    for (const { pid } of reply.cluster.processes) if (pid !== null) this.#seen.add(pid);
    return reply.cluster;
  }

  get pidsSeen(): readonly number[] {
    return [...this.#seen];
  }

  /** Nothing is left of it. */
  close(): void {
    process.off("SIGTERM", this.#abandon);
    process.off("SIGINT", this.#abandon);
    for (const child of this.#running) signalGroup(child, "SIGKILL");
    for (const pid of this.#seen) if (isMarked(pid, this.directory)) process.kill(pid, "SIGKILL");
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

interface Reply {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly error?: Readonly<Record<string, unknown>>;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    process.kill(-child.pid, signal);
  }
}

test("the README's market in a minute does what it says", async (t) => {
  const blocks = commandBlocks();
  const counts = blocks.map((lines) => lines.length);
  assert.deepEqual(counts, [1, 2, 3, 2, 2], "the README's commands are others: adapt this test to them");
  const [[start = ""] = [], order = [], kill = [], shop = [], refused = []] = blocks;
  const ports = new Set(blocks.flat().flatMap((line) => /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? []));
  assert.equal(ports.size, 1);
  await assertFree(Number([...ports][0]));
  const terminal = new Terminal();
  t.after(() => terminal.close());

  assert.ok(start.startsWith(install), start);
  const up = terminal.type(start.slice(install.length));
  await eventually(
    "`ready`",
    () => {
      assert.equal(up.child.exitCode, null, up.said.stderr);
      return /^ready /m.test(up.said.stdout);
    },
    readyWithinMs,
  );
  const before = await terminal.status();

  assert.equal((await terminal.curl(order[0])).data?.name, "FishCo");
  // The next block asks for order 0.
  assert.equal((await terminal.curl(order[1])).data?.order_number, 0);

  const leader = present(before.leader, "a leader");
  assert.match(await terminal.run(kill[0]), new RegExp(`${leader} leads`));
  await terminal.run(kill[1]);
  assert.equal((await terminal.curl(kill[2])).data?.number, 0);
  await eventually(
    "another leader, and the killed one back and caught up",
    async () => {
      const { leader: next, processes } = await terminal.status();
      const positions = processes.flatMap(({ role, position }) => (role === "order" ? [position] : []));
      const floor = Math.max(...before.processes.map(({ position }) => position ?? 0));
      const caughtUp = positions.every((position) => position !== undefined && position > floor);
      return next !== null && next !== leader && processes.every(({ life }) => life === "ready") && caughtUp;
    },
    readyWithinMs,
  );

  assert.match(await terminal.run(shop[0]), /^5 clients.*\n[\s\S]*verified/m);
  await terminal.run(shop[1]);

  assert.equal((await terminal.curl(refused[0])).error?.code, 404);
  assert.equal((await terminal.curl(refused[1])).error?.code, 409);

  await terminal.status();
  const ended = once(up.child, "close");
  signalGroup(up.child, "SIGINT");
  await ended;
  assert.deepEqual(terminal.pidsSeen.filter(isAlive), [], "Ctrl-C stops everything");
  assert.ok(existsSync(join(terminal.data, "cluster.json")), "the data stays");
});
