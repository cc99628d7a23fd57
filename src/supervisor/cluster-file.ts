/**
 * `cluster.json`: what a data directory is. Written once, when the cluster is created, and compared at every later
 * start, because a replica that were started with another market or another number of peers would be wrong quietly.
 */
import { createHash } from "node:crypto";
import type { MarketDefinition } from "../market/definition.ts";

/** Of the data directory as a whole. A change that an older version would misread counts up. */
export const dataFormat = 1;

const orderCounts: readonly number[] = [1, 3, 5];

/** Which log orders are kept in: ours, or the published protocol's, which is unsafe and for teaching (course/). */
export type Engine = "embedded" | "course";

export interface ClusterFile {
  readonly format: typeof dataFormat;
  /** Random; every connection says it, so that processes of two clusters never talk to each other. */
  readonly cluster: string;
  readonly engine: Engine;
  readonly orders: number;
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
  if (asked.orders !== undefined && asked.orders !== file.orders) {
    differences.push(`it has ${file.orders} order replicas, and --orders says ${asked.orders}`);
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
