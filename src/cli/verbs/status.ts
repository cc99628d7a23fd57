/** `status`: what runs, who leads, and how far each replica is. */
import { type LinkRules, noLinkRules } from "../../wire/link-faults.ts";
import type { ClusterStatus } from "../../wire/process.ts";
import { askStatus } from "../ask.ts";
import { type ExitCode, exitCodes } from "../exit.ts";
import { type Column, formatTable } from "../table.ts";
import type { FlagsOf } from "../verbs.ts";

const columns: readonly Column[] = [
  { title: "NAME", align: "left" },
  { title: "ROLE", align: "left" },
  { title: "STATE", align: "left" },
  { title: "PID", align: "right" },
  { title: "PORT", align: "right" },
  { title: "POSITION", align: "right" },
  { title: "HASH", align: "left" },
  { title: "ORDERS", align: "right" },
  { title: "CACHE", align: "right" },
  { title: "MEMORY", align: "right" },
  { title: "RESTARTS", align: "right" },
];

const hashDigitsShown = 8;
const bytesPerMebibyte = 1024 * 1024;

type ProcessRow = ClusterStatus["processes"][number];

function stateOf(row: ProcessRow, leader: string | null): string {
  if (row.life !== "ready") return row.life;
  if (row.name === leader) return "leader *";
  if (row.membership === "learner") return "learner";
  if (row.membership === "none") return "no member";
  return row.state ?? "ready";
}

/** How much of what could be cached was answered from the cache. */
function hitRate({ cache }: ProcessRow): string {
  const asked = (cache?.hits ?? 0) + (cache?.misses ?? 0);
  if (cache === undefined || asked === 0) return "-";
  return `${Math.floor((cache.hits * 100) / asked)}% hits`;
}

/** What a table has no room for. */
function notes(row: ProcessRow): readonly string[] {
  const { name, state, recovering, diskFull } = row;
  const said: string[] = [];
  if (state === "recovering") said.push(`${name} is recovering${recovering ? `: ${recovering}` : ""}\n`);
  if (diskFull === true)
    said.push(`${name}: the disk is full; it takes no new entries until there is room\n`);
  return said;
}

/** What is cut or slowed on purpose, one line each; a cut of both ways is one. */
function linkNotes({ cuts, slows }: LinkRules): readonly string[] {
  const back = (cut: (typeof cuts)[number]): number =>
    cuts.findIndex(({ from, to }) => from === cut.to && to === cut.from);
  const said = cuts.flatMap((cut, i) => {
    const { from, to } = cut;
    if (back(cut) < 0) return [`what ${from} sends to ${to} does not arrive\n`];
    return back(cut) < i ? [] : [`${from} and ${to} are cut off from each other\n`];
  });
  const slowed = slows.map(({ name, delayMs, loss }) => {
    return `${name} is slowed by ${delayMs} ms${loss === 0 ? "" : `, and stalls with probability ${loss}`}\n`;
  });
  return [...said, ...slowed];
}

export function statusText(cluster: ClusterStatus): string {
  const rows = cluster.processes.map((row) => [
    row.name,
    row.role,
    stateOf(row, cluster.leader),
    row.pid === null ? "-" : String(row.pid),
    String(row.port),
    row.position === undefined ? "-" : String(row.position),
    row.stateHash === undefined ? "-" : row.stateHash.slice(0, hashDigitsShown),
    row.orders === undefined ? "-" : String(row.orders),
    hitRate(row),
    row.rssBytes === undefined ? "-" : `${Math.round(row.rssBytes / bytesPerMebibyte)} MiB`,
    String(row.restarts),
  ]);
  const leader = cluster.leader ?? "nobody";
  const reign = cluster.engine === "course" ? " (log course: UNSAFE)" : ` in term ${cluster.term}`;
  const headline = `market ${cluster.market}, ${leader} leads${reign}`;
  const said = [...cluster.processes.flatMap(notes), ...linkNotes(cluster.links ?? noLinkRules)].join("");
  return `${headline}\n\n${formatTable(columns, rows)}${said === "" ? "" : `\n${said}`}`;
}

export async function status(flags: FlagsOf<"status">): Promise<ExitCode> {
  const cluster = await askStatus(flags.data);
  process.stdout.write(flags.json ? `${JSON.stringify(cluster, undefined, 2)}\n` : statusText(cluster));
  return exitCodes.ok;
}
