/**
 * `check`: do all order replicas hold the same state? Looks at what they publish until a position is found at which
 * every live one was seen; `--deep` lets each recompute its state from its database too.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterStatus } from "../../wire/process.ts";
import { ask, askStatus } from "../ask.ts";
import { type DigestFindings, judgeDigests } from "../digest-check.ts";
import { CommandFailure, type ExitCode, exitCodes } from "../exit.ts";
import { compareStates, outvoted, type StateComparison, type StateSighting } from "../state-comparison.ts";
import type { FlagsOf } from "../verbs.ts";

const commonWithinMs = 5_000;
const pollMs = 50;

type Row = ClusterStatus["processes"][number];

function sightingsOf({ name, position, stateHash, hashes }: Row): readonly StateSighting[] {
  const published = (hashes ?? []).map((seen) => ({ name, ...seen }));
  if (position === undefined || stateHash === undefined) return published;
  return [...published, { name, position, hash: stateHash }];
}

interface Looked {
  readonly live: readonly string[];
  readonly down: readonly string[];
  readonly sightings: readonly StateSighting[];
  readonly comparison: StateComparison;
}

/** Look until all live replicas were seen at one position, or time is up. */
async function look(data: string, known: readonly StateSighting[]): Promise<Looked> {
  const until = performance.now() + commonWithinMs;
  const sightings = new Map<string, StateSighting>();
  const add = (sighting: StateSighting): unknown =>
    sightings.set(`${sighting.name} ${sighting.position} ${sighting.hash}`, sighting);
  known.forEach(add);
  for (;;) {
    const replicas = (await askStatus(data)).processes.filter(({ role }) => role === "order");
    const isLive = ({ up, state }: Row): boolean => up && state !== "recovering";
    const live = replicas.filter(isLive).map(({ name }) => name);
    const down = replicas
      .filter((row) => !isLive(row))
      .map(({ name, up, life }) => `${name} is ${up ? "recovering" : life}`);
    for (const row of replicas) if (isLive(row)) sightingsOf(row).forEach(add);
    const seen = [...sightings.values()];
    const comparison = compareStates(live, seen);
    if (live.length === 0 || comparison.kind !== "no-common-position" || performance.now() > until) {
      return { live, down, sightings: seen, comparison };
    }
    await sleep(pollMs);
  }
}

async function recompute(data: string): Promise<DigestFindings> {
  const reply = await ask(data, { verb: "digests" });
  if (reply.kind !== "digests")
    throw new CommandFailure(exitCodes.failure, "The supervisor gave no digests.");
  return judgeDigests(reply.digests);
}

function describe({ comparison, live, down }: Looked, deep: DigestFindings | undefined): string {
  const lines = [...down.map((what) => `not compared: ${what}`)];
  const others = new Set(down.map((what) => what.split(" ")[0]));
  const missing = (deep?.missing ?? []).filter((what) => !others.has(what.split(":")[0]));
  lines.push(...missing.map((what) => `not recomputed: ${what}`));
  lines.push(...(deep?.problems ?? []));
  if (comparison.kind === "different") {
    lines.push(`DIFFERENT at position ${comparison.position}:`);
    lines.push(...comparison.hashes.map(({ name, hash }) => `  ${name} ${hash}`));
  } else if (isAlone({ live, down })) {
    lines.push(`nothing was compared: only ${live.join()} is up`);
  } else if (comparison.kind === "equal") {
    lines.push(`equal at position ${comparison.position}: ${comparison.hash} (${live.join(", ")})`);
  } else {
    lines.push("no position was found at which all replicas have published their state");
  }
  if (deep !== undefined) lines.push(...distrusted({ comparison }, deep).map(repairAdvice));
  const recomputed = deep?.sightings.map(({ name, position }) => `${name} at ${position}`) ?? [];
  if (recomputed.length > 0) lines.push(`recomputed from the databases: ${recomputed.join(", ")}`);
  return `${lines.join("\n")}\n`;
}

/** Replicas whose databases are wrong, as far as it can be said which of several are. */
function distrusted({ comparison }: Pick<Looked, "comparison">, deep: DigestFindings): readonly string[] {
  const others = comparison.kind === "different" ? outvoted(comparison.hashes) : [];
  return [...new Set([...deep.wrong, ...others])].sort();
}

function repairAdvice(name: string): string {
  return `${name} differs: \`repair ${name}\` sets its database aside and lets it build another from the log and the others`;
}

/** One replica of several is up: there is nothing to compare it with. */
function isAlone({ live, down }: Pick<Looked, "live" | "down">): boolean {
  return live.length === 1 && down.length > 0;
}

function verdict(looked: Looked, deep: DigestFindings | undefined): ExitCode {
  if (looked.comparison.kind === "different" || (deep !== undefined && deep.problems.length > 0)) {
    return exitCodes.verification;
  }
  if (looked.comparison.kind === "no-common-position" || isAlone(looked)) return exitCodes.unreachable;
  // What could not be recomputed was not checked, unless the replica is down and was named for that.
  return deep !== undefined && deep.sightings.length < looked.live.length
    ? exitCodes.unreachable
    : exitCodes.ok;
}

export async function check(flags: FlagsOf<"check">): Promise<ExitCode> {
  const deep = flags.deep ? await recompute(flags.data) : undefined;
  const looked = await look(flags.data, deep?.sightings ?? []);
  if (looked.live.length === 0) {
    throw new CommandFailure(
      exitCodes.unreachable,
      `No order replica can be asked: ${looked.down.join(", ")}.`,
    );
  }
  const code = verdict(looked, deep);
  if (flags.json) {
    const { live, down, comparison } = looked;
    const details = deep && { deep: { ...deep, distrusted: distrusted(looked, deep) } };
    const result = { ok: code === exitCodes.ok, live, down, comparison, ...details };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  } else {
    process.stdout.write(describe(looked, deep));
  }
  return code;
}
