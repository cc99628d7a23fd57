/**
 * `up`: from a data directory to a running system, and back to nothing. Refusals come before anything is started or
 * changed; the processes boot while a new cluster is being created, because starting Node is what takes longest.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OperatingFailure } from "../base/failure.ts";
import { seededRandom } from "../base/random.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { ServiceAddress, ProcessConfig } from "../wire/process.ts";
import type { SupervisorFile } from "./control.ts";
import { answerRequest } from "./control-answers.ts";
import { readSupervisorFile, supervisorFile } from "./control-client.ts";
import { ControlServer } from "./control-server.ts";
import {
  createCluster,
  type OpenedCluster,
  orderName,
  prepareDirectory,
  readCluster,
  type WantedCluster,
} from "./data-directory.ts";
import { writeDurably } from "./durable-file.ts";
import { choosePorts, requirePublicPort } from "./ports.ts";
import { ProcessLog } from "./process-log.ts";
import { StartRefused } from "./refusal.ts";
import type { ProcessPlan } from "./supervised-process.ts";
import { Supervisor } from "./supervisor.ts";
import type { TimelineEvent } from "./timeline.ts";

export interface SystemOptions {
  /** Absolute. */
  readonly directory: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly wanted: WantedCluster;
  readonly defaults: { readonly orders: number; readonly market: MarketDefinition };
  /** What guards the public port; called once the directory is ours. */
  readonly token: () => string | undefined;
  /** What starts a process of ours: the program and its first arguments. */
  readonly command: readonly string[];
  /** Takes the lock that ends with its process, or throws `OperatingFailure`. */
  readonly lock: (directory: string) => { release(): void };
  readonly format: (directory: string, identity: { cluster: string; replica: number }) => Promise<void>;
  readonly timeline: (event: TimelineEvent) => void;
}

const internalHost = "127.0.0.1";
const frontendName = "frontend-1";
/** A supervisor that was killed a moment ago may not be quite gone. */
const supervisorLockMs = 500;
/** Its processes are ended by its warden. */
const replicaLockMs = 3_000;
const lockPollMs = 20;
/** A Unix socket's path is at most 107 bytes on Linux and 103 on macOS. */
const socketPathBytesMax = 100;

type Lock = ReturnType<SystemOptions["lock"]>;

async function lockWithin(
  options: SystemOptions,
  directory: string,
  waitMs: number,
): Promise<Lock | undefined> {
  const until = performance.now() + waitMs;
  for (;;) {
    try {
      return options.lock(directory);
    } catch (error) {
      if (!(error instanceof OperatingFailure)) throw error;
      if (performance.now() > until) return undefined;
    }
    await sleep(lockPollMs);
  }
}

async function lockSystem(options: SystemOptions): Promise<Lock> {
  const lock = await lockWithin(options, options.directory, supervisorLockMs);
  if (lock !== undefined) return lock;
  const holder = readSupervisorFile(options.directory);
  const who = holder === undefined ? "another process" : `process ${holder.pid} (${holder.url})`;
  throw new StartRefused(`${options.directory} is in use by ${who}.`, [
    "See it with `status`, stop it with `down`, or start another system with --data DIR and --port N.",
  ]);
}

/** After a supervisor was killed: its processes must be gone before new ones take their places. */
async function awaitFormerProcesses(options: SystemOptions, orders: number): Promise<void> {
  const former = readSupervisorFile(options.directory);
  if (former === undefined) return;
  if (dirname(former.socket) !== options.directory) removeSocketDirectory(former.socket);
  for (let id = 1; id <= orders; id++) {
    const directory = join(options.directory, orderName(id));
    const lock = await lockWithin(options, directory, replicaLockMs);
    if (lock === undefined) {
      throw new StartRefused(`${directory} is still in use by a process of an earlier start.`, [
        `Its supervisor, process ${former.pid}, is gone. Look for processes with --run ${former.run} and end them.`,
      ]);
    }
    lock.release();
  }
}

/** The socket lies in the data directory, or, if that path is too long for one, in a private temporary directory. */
function chooseSocket(directory: string): string {
  const inside = join(directory, "control.sock");
  if (Buffer.byteLength(inside) <= socketPathBytesMax) return inside;
  return join(mkdtempSync(join(tmpdir(), "bazaar-")), "control.sock");
}

function removeSocketDirectory(socket: string): void {
  const directory = dirname(socket);
  if (basename(directory).startsWith("bazaar-") && basename(socket) === "control.sock") {
    rmSync(directory, { recursive: true, force: true });
  }
}

export class RunningSystem {
  readonly url: string;
  readonly port: number;
  readonly supervisor: Supervisor;
  readonly opened: OpenedCluster;
  readonly orders: readonly ServiceAddress[];
  readonly #directory: string;
  readonly #control: ControlServer;
  readonly #lock: Lock;
  #ended: Promise<void> | undefined;

  constructor(parts: {
    readonly url: string;
    readonly port: number;
    readonly supervisor: Supervisor;
    readonly opened: OpenedCluster;
    readonly orders: readonly ServiceAddress[];
    readonly directory: string;
    readonly control: ControlServer;
    readonly lock: Lock;
  }) {
    this.url = parts.url;
    this.port = parts.port;
    this.supervisor = parts.supervisor;
    this.opened = parts.opened;
    this.orders = parts.orders;
    this.#directory = parts.directory;
    this.#control = parts.control;
    this.#lock = parts.lock;
  }

  /** Stop every process in order. May be called more than once. */
  stop(): Promise<void> {
    this.#ended ??= this.supervisor.stop();
    return this.#ended;
  }

  /** After `stop`: give the directory back. */
  async close(): Promise<void> {
    await this.#control.close();
    rmSync(join(this.#directory, supervisorFile), { force: true });
    if (dirname(this.#control.path) !== this.#directory) removeSocketDirectory(this.#control.path);
    this.#lock.release();
  }
}

interface Layout {
  readonly run: string;
  readonly port: number;
  readonly orders: readonly ServiceAddress[];
  readonly plans: readonly ProcessPlan[];
}

async function layOut(options: SystemOptions, orderCount: number): Promise<Layout> {
  const random = seededRandom(randomBytes(6).readUIntBE(0, 6));
  if (options.port !== 0) await requirePublicPort(options.host, options.port);
  const [port = 0] = options.port === 0 ? await choosePorts(options.host, 1, random) : [options.port];
  const ports = await choosePorts(internalHost, orderCount, random);
  const orders = ports.map((orderPort, i) => {
    return { id: i + 1, name: orderName(i + 1), host: internalHost, port: orderPort };
  });
  const run = randomBytes(8).toString("hex");
  const logs = join(options.directory, "logs");
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const plan = (
    role: ProcessPlan["role"],
    id: number,
    name: string,
    host: string,
    at: number,
  ): ProcessPlan => {
    const identity = ["process", "--role", role, "--name", name, "--data", options.directory, "--run", run];
    const log = new ProcessLog(join(logs, `${name}.log`));
    return { name, role, id, host, port: at, command: [...options.command, ...identity], log };
  };
  const plans = orders.map((order) => plan("order", order.id, order.name, order.host, order.port));
  plans.push(plan("frontend", 1, frontendName, options.host, port));
  return { run, port, orders, plans };
}

function configsOf(options: SystemOptions, layout: Layout, opened: OpenedCluster): readonly ProcessConfig[] {
  const { orders } = layout;
  const { cluster, market } = opened.file;
  const token = options.token();
  const configs: ProcessConfig[] = orders.map(({ id, name }) => {
    return { role: "order", name, id, cluster, orders, directory: join(options.directory, name), market };
  });
  configs.push({
    role: "frontend",
    name: frontendName,
    id: 1,
    cluster,
    orders,
    public: { host: options.host, port: layout.port },
    market,
    ...(token !== undefined && { token }),
    secret: opened.secret,
  });
  return configs;
}

/** Where a client on this machine reaches the public port. */
function urlOf(host: string, port: number): string {
  if (host === "0.0.0.0" || host === "::") return `http://127.0.0.1:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Throws `StartRefused` if it cannot be. `down` is called when somebody asks for it; see `RunningSystem.stop`. */
export async function startSystem(options: SystemOptions, down: () => Promise<void>): Promise<RunningSystem> {
  const { directory } = options;
  prepareDirectory(directory);
  const lock = await lockSystem(options);
  let supervisor: Supervisor | undefined;
  let server: ControlServer | undefined;
  try {
    const existing = readCluster(directory, options.wanted);
    const orderCount = existing?.file.orders ?? options.wanted.orders ?? options.defaults.orders;
    const market = existing?.file.market ?? options.wanted.market ?? options.defaults.market;
    if (existing !== undefined) await awaitFormerProcesses(options, orderCount);
    const layout = await layOut(options, orderCount);
    const started = new Supervisor(market, layout.run, layout.plans, (event) => {
      options.timeline(event);
      server?.publish(event);
    });
    supervisor = started;
    server = await ControlServer.open(chooseSocket(directory), {
      watched: (on) => started.setWatched(on),
      request: async (request) => {
        if (request.verb !== "down") return await answerRequest(started, request);
        await down();
        return { kind: "done", message: "everything has stopped" };
      },
    });
    const url = urlOf(options.host, layout.port);
    const file: SupervisorFile = { pid: process.pid, run: layout.run, socket: server.path, url };
    writeDurably(join(directory, supervisorFile), `${JSON.stringify(file)}\n`);
    const opened = existing ?? (await createCluster(directory, market, orderCount, options.format));
    started.configure(configsOf(options, layout, opened));
    const { port, orders } = layout;
    return new RunningSystem({ url, port, supervisor, opened, orders, directory, control: server, lock });
  } catch (error) {
    supervisor?.killAll();
    await supervisor?.stop();
    await server?.close();
    lock.release();
    throw error;
  }
}
