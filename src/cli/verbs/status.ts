/** `status`: what runs, who leads, and how far each replica is. */
import type { ClusterStatus } from "../../wire/process.ts";
import { askStatus } from "../ask.ts";
import { type ExitCode, exitCodes } from "../exit.ts";
import { type Column, formatTable } from "../table.ts";
import type { FlagsOf } from "../verbs.ts";

const columns: readonly Column[] = [
  { title: "NAME", align: "left" },
  { title: "STATE", align: "left" },
  { title: "PID", align: "right" },
  { title: "PORT", align: "right" },
  { title: "POSITION", align: "right" },
  { title: "HASH", align: "left" },
  { title: "ORDERS", align: "right" },
  { title: "MEMORY", align: "right" },
  { title: "RESTARTS", align: "right" },
];

const hashDigitsShown = 8;
const bytesPerMebibyte = 1024 * 1024;

type ProcessRow = ClusterStatus["processes"][number];

function stateOf(row: ProcessRow, leader: string | null): string {
  if (row.life !== "ready") return row.life;
  if (row.name === leader) return "leader *";
  return row.state ?? "ready";
}

export function statusText(cluster: ClusterStatus): string {
  const rows = cluster.processes.map((row) => [
    row.name,
    stateOf(row, cluster.leader),
    row.pid === null ? "-" : String(row.pid),
    String(row.port),
    row.position === undefined ? "-" : String(row.position),
    row.stateHash === undefined ? "-" : row.stateHash.slice(0, hashDigitsShown),
    row.orders === undefined ? "-" : String(row.orders),
    row.rssBytes === undefined ? "-" : `${Math.round(row.rssBytes / bytesPerMebibyte)} MiB`,
    String(row.restarts),
  ]);
  const leader = cluster.leader ?? "nobody";
  return `market ${cluster.market}, ${leader} leads in term ${cluster.term}\n\n${formatTable(columns, rows)}`;
}

export async function status(flags: FlagsOf<"status">): Promise<ExitCode> {
  const cluster = await askStatus(flags.data);
  process.stdout.write(flags.json ? `${JSON.stringify(cluster, undefined, 2)}\n` : statusText(cluster));
  return exitCodes.ok;
}
