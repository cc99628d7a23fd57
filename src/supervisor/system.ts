/**
 * `up`: from a data directory to a running system, and back to nothing. Refusals come before anything is started or
 * changed; the processes boot while a new cluster is being created, because starting Node is what takes longest.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { present } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { Address } from "../wire/dialer.ts";
import { replicasOf } from "./cluster-file.ts";
import type { SupervisorFile } from "./control.ts";
import { answerRequest } from "./control-answers.ts";
import { readSupervisorFile, supervisorFile } from "./control-client.ts";
import { ControlServer } from "./control-server.ts";
import {
  createCluster,
  type NewReplica,
  type OpenedCluster,
  orderName,
  prepareDirectory,
  readCluster,
  type WantedCluster,
} from "./data-directory.ts";
import { writeDurably } from "./durable-file.ts";
import { configsOf, type Layout, layOut, layOutReplica, type RunShape } from "./layout.ts";
import { PublicPort } from "./public-port.ts";
import { StartRefused } from "./refusal.ts";
import { StoreRepair } from "./repair.ts";
import { ReplicaChanges, takeBackForming } from "./replica-changes.ts";
import { Supervisor } from "./supervisor.ts";
import type { TimelineEvent } from "./timeline.ts";

export interface SystemOptions {
  /** Absolute. */
  readonly directory: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly wanted: WantedCluster;
  readonly shape: RunShape;
  readonly defaults: { readonly orders: number; readonly market: MarketDefinition };
  /** What guards the public port; called once the directory is ours. */
  readonly token: () => string | undefined;
  /** What starts a process of ours: the program and its first arguments. */
  readonly command: readonly string[];
  /** Takes the lock that ends with its process, or throws `OperatingFailure`. */
  readonly lock: (directory: string) => { release(): void };
  /** Rename the store in the directory of a replica that does not run; returns its new name, if there was one. */
  readonly setStoreAside: (directory: string) => string | undefined;
  readonly format: (directory: string, identity: NewReplica) => Promise<void>;
  readonly timeline: (event: TimelineEvent) => void;
}

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
async function awaitFormerProcesses(options: SystemOptions, orders: readonly number[]): Promise<void> {
  const former = readSupervisorFile(options.directory);
  if (former === undefined) return;
  if (dirname(former.socket) !== options.directory) removeSocketDirectory(former.socket);
  for (const id of orders) {
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
  readonly supervisor: Supervisor;
  readonly opened: OpenedCluster;
  readonly layout: Layout;
  readonly #directory: string;
  /** `undefined`: the only front-end listens on the public port itself. */
  readonly #publicPort: PublicPort | undefined;
  readonly #control: ControlServer;
  readonly #lock: Lock;
  readonly #replicas: ReplicaChanges | undefined;
  #ended: Promise<void> | undefined;

  constructor(parts: {
    readonly url: string;
    readonly supervisor: Supervisor;
    readonly opened: OpenedCluster;
    readonly layout: Layout;
    readonly directory: string;
    readonly publicPort: PublicPort | undefined;
    readonly control: ControlServer;
    readonly lock: Lock;
    readonly replicas: ReplicaChanges | undefined;
  }) {
    this.#replicas = parts.replicas;
    this.url = parts.url;
    this.supervisor = parts.supervisor;
    this.opened = parts.opened;
    this.layout = parts.layout;
    this.#directory = parts.directory;
    this.#publicPort = parts.publicPort;
    this.#control = parts.control;
    this.#lock = parts.lock;
  }

  /** Stop every process in order. May be called more than once. */
  stop(): Promise<void> {
    this.#publicPort?.close();
    this.#replicas?.close();
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

/** Where a client on this machine reaches the public port. */
function urlOf({ host, port }: Address): string {
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
  let publicPort: PublicPort | undefined;
  let replicas: ReplicaChanges | undefined;
  try {
    const found = readCluster(directory, options.wanted);
    const existing = found && { ...found, file: takeBackForming(directory, found.file) };
    const orderCount = options.wanted.orders ?? options.defaults.orders;
    const orders =
      existing === undefined
        ? Array.from({ length: orderCount }, (_, i) => i + 1)
        : replicasOf(existing.file).map(({ id }) => id);
    const market = existing?.file.market ?? options.wanted.market ?? options.defaults.market;
    if (existing !== undefined) await awaitFormerProcesses(options, orders);
    const { engine = "embedded" } = options.wanted;
    const laidOut = { ...options, orders, engine };
    const layout = await layOut(laidOut);
    if (layout.frontends.length > 1) publicPort = await PublicPort.open(layout.publicAddress);
    const started = new Supervisor({ ...market, engine }, layout.run, layout.plans, (event) => {
      options.timeline(event);
      server?.publish(event);
    });
    supervisor = started;
    publicPort?.serve(started.takers);
    const repairs = new StoreRepair(started, (name) => options.setStoreAside(join(directory, name)));
    server = await ControlServer.open(chooseSocket(directory), {
      watched: (on) => started.setWatched(on),
      request: async (request) => {
        if (request.verb !== "down") return await answerRequest(started, request, repairs, replicas);
        await down();
        return { kind: "done", message: "everything has stopped" };
      },
    });
    const url = urlOf(layout.publicAddress);
    const file: SupervisorFile = { pid: process.pid, run: layout.run, socket: server.path, url };
    writeDurably(join(directory, supervisorFile), `${JSON.stringify(file)}\n`);
    const opened = existing ?? (await createCluster(directory, market, orderCount, engine, options.format));
    const token = options.token();
    started.configure(configsOf(laidOut, layout, opened, token));
    if (engine === "embedded") {
      replicas = new ReplicaChanges({
        directory,
        supervisor: started,
        file: opened.file,
        orders: layout.orders,
        format: options.format,
        layOut: (id) => layOutReplica(laidOut, layout, id),
        configOf: (orders, name) => {
          const all = configsOf(laidOut, { ...layout, orders }, opened, token);
          return present(
            all.find((config) => config.name === name),
            name,
          );
        },
      });
      replicas.resume();
    }
    return new RunningSystem({
      replicas,
      url,
      supervisor,
      opened,
      layout,
      directory,
      publicPort,
      control: server,
      lock,
    });
  } catch (error) {
    publicPort?.close();
    supervisor?.killAll();
    await supervisor?.stop();
    await server?.close();
    lock.release();
    throw error;
  }
}
