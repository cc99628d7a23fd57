/**
 * The data directory: who may use it, and what it holds.
 *
 * A cluster is created in three durable steps: a marker (`creating`), then the secret and the replicas' formatted
 * directories, then `cluster.json`, which alone makes it a cluster. No process has run before the last step, so
 * after a crash in between, everything that the marker stands for may be made anew. Without the marker nothing is
 * ever deleted.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { MarketDefinition } from "../market/definition.ts";
import {
  type ClusterFile,
  clusterDifferences,
  dataFormat,
  type Engine,
  marketHash,
  parseClusterFile,
} from "./cluster-file.ts";
import { syncDirectory, writeDurably } from "./durable-file.ts";
import { StartRefused, systemCode } from "./refusal.ts";

export const orderName = (id: number): string => `order-${id}`;

/** Whose directory is to be formatted. */
export interface NewReplica {
  readonly cluster: string;
  readonly replica: number;
  /** The members that its cluster is created with; unset: it joins one that there is. */
  readonly founders?: readonly number[];
}

export interface OpenedCluster {
  readonly file: ClusterFile;
  /** 64 hexadecimal digits. */
  readonly secret: string;
}

/** What was asked for; unset: as the existing cluster has it. */
export interface WantedCluster {
  readonly orders?: number;
  readonly market?: MarketDefinition;
  /** Never as the existing cluster has it: what is unsafe must be asked for each time. Default: embedded. */
  readonly engine?: Engine;
}

const marker = "creating";
const clusterJson = "cluster.json";
const secretFile = "secret";
/** What may lie in a directory that holds no cluster yet: the lock, and what a stopped creation left. */
const harmless = /^(lock\.sqlite(-[a-z]+)?|.*\.tmp|logs|supervisor\.json|control\.sock)$/;

/** Make the directory if it is not there, ours alone. */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const entries = readdirSync(directory);
    if (!entries.includes(clusterJson) && !entries.includes(marker)) refuseForeign(directory, entries);
    chmodSync(directory, 0o700);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new StartRefused(`The data directory ${directory} cannot be used: ${(error as Error).message}.`, [
      "Choose another with --data DIR.",
    ]);
  }
}

function refuseForeign(directory: string, entries: readonly string[]): void {
  const foreign = entries.filter((entry) => !harmless.test(entry));
  if (foreign.length === 0) return;
  const some = foreign.slice(0, 3).join(", ");
  if (foreign.some((entry) => /^order-\d+$/.test(entry))) {
    throw new StartRefused(
      `${directory} holds replicas (${some}) but no ${clusterJson}, so it cannot be started.`,
      [`Put its ${clusterJson} back, or start a new cluster with another --data DIR. Nothing was changed.`],
    );
  }
  throw new StartRefused(`${directory} is not empty and is no data directory of bazaar (it holds ${some}).`, [
    "Choose an empty or new one with --data DIR.",
  ]);
}

function readSecret(directory: string): string {
  const path = join(directory, secretFile);
  let secret = "";
  try {
    secret = readFileSync(path, "utf8").trim();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  if (/^[0-9a-f]{64}$/.test(secret)) return secret;
  throw new StartRefused(`${path} is missing or is not 64 hexadecimal digits.`, [
    "Put it back: with another secret, clients could not retry with the keys they were given.",
  ]);
}

function readExisting(directory: string, wanted: WantedCluster): OpenedCluster {
  const path = join(directory, clusterJson);
  const parsed = parseClusterFile(readFileSync(path, "utf8"));
  if (parsed.kind === "invalid") {
    const lines = parsed.problems.map(({ path: where, problem }) => `  ${where}: ${problem}`);
    throw new StartRefused(`${path} cannot be used:\n${lines.join("\n")}`, [
      "Repair the file, or start a new cluster with another --data DIR. Nothing was changed.",
    ]);
  }
  const differences = clusterDifferences(parsed.file, wanted);
  if (differences.length > 0) {
    throw new StartRefused(`${directory} holds another cluster than asked for: ${differences.join("; ")}.`, [
      parsed.file.engine === (wanted.engine ?? "embedded")
        ? "Leave the flag out to go on with this cluster, or start a new one with another --data DIR."
        : `Go on with this cluster by --log ${parsed.file.engine}, or start a new one with another --data DIR.`,
    ]);
  }
  rmSync(join(directory, marker), { force: true });
  return { file: parsed.file, secret: readSecret(directory) };
}

/** Which replicas there are is others than before. Durable when it returns. */
export function rewriteCluster(directory: string, file: ClusterFile): void {
  writeDurably(join(directory, clusterJson), `${JSON.stringify(file, undefined, 2)}\n`);
}

/** The cluster of a locked directory; `undefined` if none was created there. Refuses one that is not as wanted. */
export function readCluster(directory: string, wanted: WantedCluster): OpenedCluster | undefined {
  if (!existsSync(join(directory, clusterJson))) return undefined;
  return readExisting(directory, wanted);
}

/**
 * Create a cluster in a locked directory that has none. `format` makes the directory of one replica, durably; this
 * is the only time that it is called.
 */
export async function createCluster(
  directory: string,
  market: MarketDefinition,
  orders: number,
  engine: Engine,
  format: (directory: string, identity: NewReplica) => Promise<void>,
): Promise<OpenedCluster> {
  const cluster = randomBytes(16).toString("hex");
  const secret = randomBytes(32).toString("hex");
  writeDurably(
    join(directory, marker),
    "A cluster is being created here; see cluster.json when it is done.\n",
  );
  for (const entry of readdirSync(directory)) {
    if (/^order-\d+$/.test(entry)) rmSync(join(directory, entry), { recursive: true });
  }
  writeDurably(join(directory, secretFile), `${secret}\n`);
  const ids = Array.from({ length: orders }, (_, i) => i + 1);
  await Promise.all(
    ids.map((replica) => format(join(directory, orderName(replica)), { cluster, replica, founders: ids })),
  );
  syncDirectory(directory);
  const file: ClusterFile = {
    format: dataFormat,
    cluster,
    engine,
    orders,
    market,
    marketHash: marketHash(market),
  };
  rewriteCluster(directory, file);
  rmSync(join(directory, marker), { force: true });
  return { file, secret };
}
