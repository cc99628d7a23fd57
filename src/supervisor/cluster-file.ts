/**
 * `cluster.json`: what a data directory is. Written when the cluster is created, and compared at every later start, because
 * a replica that were started with another market would be wrong quietly. It says which replicas there are, and is
 * written anew when one comes or goes; who of them is a member, and counts, is said by their log alone.
 */
import { createHash } from "node:crypto";
import type { MarketDefinition } from "../market/definition.ts";

/** Of the data directory as a whole. A change that an older version would misread counts up. */
export const dataFormat = 1;

const orderCounts: readonly number[] = [1, 3, 5];

/** Which log orders are kept in: ours, or the published protocol's, which is unsafe and for teaching (course/). */
export type Engine = "embedded" | "course";

/** One order replica. Its id is never given to another. */
export interface ReplicaRecord {
  readonly id: number;
  /**
   * `forming`: its directory is being made, and nothing has run in it. `joining`: it runs, and is to be made a member.
   * `leaving`: it is to be removed.
   */
  readonly standing: "forming" | "joining" | "member" | "leaving";
}

export interface ClusterFile {
  readonly format: typeof dataFormat;
  /** Random; every connection says it, so that processes of two clusters never talk to each other. */
  readonly cluster: string;
  readonly engine: Engine;
  /** How many replicas it was created with. */
  readonly orders: number;
  /** Unset: as it was created, with ids from 1 on. */
  readonly replicas?: readonly ReplicaRecord[];
  /** Ids from here on were never used. */
  readonly nextReplica?: number;
  readonly market: MarketDefinition;
  /** `marketHash(market)`: shows a change by hand. */
  readonly marketHash: string;
}

export interface FileProblem {
  readonly path: string;
  readonly problem: string;
}

export type ParsedClusterFile =
  | { readonly kind: "valid"; readonly file: ClusterFile }
  | { readonly kind: "invalid"; readonly problems: readonly FileProblem[] };

export function replicasOf({ orders, replicas }: ClusterFile): readonly ReplicaRecord[] {
  return replicas ?? Array.from({ length: orders }, (_, i) => ({ id: i + 1, standing: "member" }));
}

export function nextReplicaOf({ orders, nextReplica }: ClusterFile): number {
  return nextReplica ?? orders + 1;
}

const standings: readonly unknown[] = ["forming", "joining", "member", "leaving"];

function isReplicas(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every(
    ({ id, standing }) => Number.isSafeInteger(id) && id > 0 && standings.includes(standing),
  );
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, canonical(inner)]));
}

/** Equal for equal definitions, however their fields are ordered. */
export function marketHash(market: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(canonical(market)))
    .digest("hex");
}

function formatProblem(format: unknown): string | undefined {
  if (format === dataFormat) return undefined;
  if (typeof format !== "number") return "must be a number";
  return `is ${format}, and this version of bazaar reads ${dataFormat}; use the version that wrote it`;
}

/** Every problem of the file's text, each with its path. */
export function parseClusterFile(text: string): ParsedClusterFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const problem = `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: "invalid", problems: [{ path: "(file)", problem }] };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { kind: "invalid", problems: [{ path: "(file)", problem: "must be a JSON object" }] };
  }
  const { format, cluster, engine, orders, market, marketHash: hash } = parsed as Record<string, unknown>;
  const problems: FileProblem[] = [];
  const add = (path: string, problem: string): number => problems.push({ path, problem });
  const ofFormat = formatProblem(format);
  if (ofFormat !== undefined) add("format", ofFormat);
  if (typeof cluster !== "string" || !/^[0-9a-f]{32}$/.test(cluster)) {
    add("cluster", "must be 32 hexadecimal digits");
  }
  if (engine !== "embedded" && engine !== "course") add("engine", 'must be "embedded" or "course"');
  if (typeof orders !== "number" || !orderCounts.includes(orders)) {
    add("orders", `must be ${orderCounts.join(", ")}`);
  }
  const { replicas, nextReplica } = parsed as Record<string, unknown>;
  if (replicas !== undefined && !isReplicas(replicas))
    add("replicas", "must be replicas with their standing");
  if (nextReplica !== undefined && !Number.isSafeInteger(nextReplica)) add("nextReplica", "must be a number");
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) {
    add("marketHash", "must be 64 hexadecimal digits");
  }
  if (typeof market !== "object" || market === null) add("market", "must be a market's definition");
  else if (hash !== marketHash(market))
    add("market", "does not fit marketHash: it was changed after creation");
  if (problems.length > 0) return { kind: "invalid", problems };
  // Every field was checked above; the market is, by its hash, the one that was checked when it was written.
  return { kind: "valid", file: parsed as ClusterFile };
}

/** In what an existing cluster is not what was asked for, in words; empty: it is. */
export function clusterDifferences(
  file: ClusterFile,
  asked: { readonly orders?: number; readonly market?: MarketDefinition; readonly engine?: Engine },
): readonly string[] {
  const differences: string[] = [];
  const { engine = "embedded" } = asked;
  if (engine !== file.engine) differences.push(`its log is "${file.engine}", and --log is "${engine}"`);
  const { length: orders } = replicasOf(file);
  if (asked.orders !== undefined && asked.orders !== orders) {
    differences.push(`it has ${orders} order replicas, and --orders says ${asked.orders}`);
  }
  if (asked.market !== undefined && marketHash(asked.market) !== file.marketHash) {
    differences.push(...marketDifferences(file.market, asked.market));
  }
  return differences;
}

function marketDifferences(ours: MarketDefinition, theirs: MarketDefinition): readonly string[] {
  if (ours.name !== theirs.name) {
    return [`it holds the market "${ours.name}", and --market says "${theirs.name}"`];
  }
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]) as Set<keyof MarketDefinition>;
  const changed = [...keys].filter((key) => marketHash([ours[key]]) !== marketHash([theirs[key]]));
  return changed.map((key) => `its market "${ours.name}" was created with other ${key} than --market has`);
}
