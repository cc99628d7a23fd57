/** Which processes a start has, where each listens, and what each is told that it is. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../base/random.ts";
import type { Address } from "../wire/dialer.ts";
import type { ProcessConfig, ServiceAddress } from "../wire/process.ts";
import type { Engine } from "./cluster-file.ts";
import { courseConfigsOf } from "./course-layout.ts";
import { type OpenedCluster, orderName } from "./data-directory.ts";
import { choosePorts, requirePublicPort } from "./ports.ts";
import { ProcessLog } from "./process-log.ts";
import type { ProcessPlan } from "./supervised-process.ts";

/** What is no part of the cluster: each start may have it differently. */
export interface RunShape {
  readonly frontends: number;
  readonly catalogs: number;
  /** Replies that each front-end may keep; 0: none. */
  readonly cache: number;
  /** See `OrderConfig`. */
  readonly keptLogBytes: number;
  readonly segmentBytes: number;
}

export interface LayoutOptions {
  /** The data directory. */
  readonly directory: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The ids of the order replicas. */
  readonly orders: readonly number[];
  readonly engine: Engine;
  readonly shape: RunShape;
  /** What starts a process of ours: the program and its first arguments. */
  readonly command: readonly string[];
}

export interface Layout {
  readonly run: string;
  readonly publicAddress: Address;
  readonly orders: readonly ServiceAddress[];
  readonly catalogs: readonly ServiceAddress[];
  /** A front-end that is alone has the public address; of several each has one of its own. */
  readonly frontends: readonly ServiceAddress[];
  readonly plans: readonly ProcessPlan[];
}

const internalHost = "127.0.0.1";

/** Throws `StartRefused` if the public port cannot be had. */
export async function layOut(options: LayoutOptions): Promise<Layout> {
  const { directory, host, shape } = options;
  const random = seededRandom(randomBytes(6).readUIntBE(0, 6));
  if (options.port !== 0) await requirePublicPort(host, options.port);
  const [port = 0] = options.port === 0 ? await choosePorts(host, 1, random) : [options.port];
  const publicAddress = { host, port };
  const ownFrontends = shape.frontends === 1 ? 0 : shape.frontends;
  const count = options.orders.length + shape.catalogs + ownFrontends;
  const ports = (await choosePorts(internalHost, count, random, publicAddress.port)).values();
  const services = (ids: readonly number[], nameOf: (id: number) => string): readonly ServiceAddress[] =>
    ids.map((id) => ({ id, name: nameOf(id), host: internalHost, port: ports.next().value ?? 0 }));
  const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);
  const orders = services(options.orders, orderName);
  const catalogs = services(upTo(shape.catalogs), (id) => `catalog-${id}`);
  const frontends =
    ownFrontends === 0
      ? [{ id: 1, name: "frontend-1", ...publicAddress }]
      : services(upTo(ownFrontends), (id) => `frontend-${id}`);
  const run = randomBytes(8).toString("hex");
  mkdirSync(join(directory, "logs"), { recursive: true, mode: 0o700 });
  const plan = (role: ProcessPlan["role"], service: ServiceAddress): ProcessPlan =>
    planOf(options, run, role, service);
  const plans = [
    ...orders.map((service) => plan("order", service)),
    ...catalogs.map((service) => plan("catalog", service)),
    ...frontends.map((service) => plan("frontend", service)),
  ];
  return { run, publicAddress, orders, catalogs, frontends, plans };
}

function planOf(
  { directory, engine, command }: LayoutOptions,
  run: string,
  role: ProcessPlan["role"],
  service: ServiceAddress,
): ProcessPlan {
  const { name } = service;
  const kind = ["process", "--role", role, "--log", engine];
  const identity = [...kind, "--name", name, "--data", directory, "--run", run];
  const log = new ProcessLog(join(directory, "logs", `${name}.log`));
  return { ...service, role, command: [...command, ...identity], log };
}

/** One more order replica, at a port that is free. */
export async function layOutReplica(
  options: LayoutOptions,
  { run, publicAddress }: Layout,
  id: number,
): Promise<{ readonly address: ServiceAddress; readonly plan: ProcessPlan }> {
  const random = seededRandom(randomBytes(6).readUIntBE(0, 6));
  const [port = 0] = await choosePorts(internalHost, 1, random, publicAddress.port);
  const address = { id, name: orderName(id), host: internalHost, port };
  return { address, plan: planOf(options, run, "order", address) };
}

/** What every process of the layout is told. */
export function configsOf(
  { directory, engine, shape }: LayoutOptions,
  layout: Layout,
  { file: { cluster, market }, secret }: OpenedCluster,
  token: string | undefined,
): readonly ProcessConfig[] {
  if (engine === "course") return courseConfigsOf(directory, layout, cluster, market, shape.cache);
  const { orders, catalogs, frontends } = layout;
  const { keptLogBytes, segmentBytes, cache } = shape;
  const listen = ({ host, port }: ServiceAddress): Address => ({ host, port });
  return [
    ...orders.map(({ id, name }): ProcessConfig => {
      const own = { directory: join(directory, name), keptLogBytes, segmentBytes };
      return { role: "order", name, id, cluster, orders, ...own, market };
    }),
    ...catalogs.map((service): ProcessConfig => {
      const { id, name } = service;
      return { role: "catalog", name, id, cluster, orders, listen: listen(service) };
    }),
    ...frontends.map((service): ProcessConfig => {
      const { id, name } = service;
      const reached = { orders, catalogs, listen: listen(service) };
      const guarded = { ...(token !== undefined && { token }), secret };
      return { role: "frontend", name, id, cluster, ...reached, cache, market, ...guarded };
    }),
  ];
}
