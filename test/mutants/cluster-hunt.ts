/** Runs a mutant of the core in the seeded cluster until a history breaks one of its invariants, or there are no more. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Hunt } from "../../src/sim/mutant-hunt.test-support.ts";

const hooks = new URL("../../src/sim/hooks.ts", import.meta.url).href;
const cluster = fileURLToPath(new URL("../cluster/run.ts", import.meta.url));
/** Some bugs never come to an end. */
const limitMs = 300_000;

interface Ended {
  readonly stdout: string;
}

/** What it printed, however it ended. */
async function run(mutant: string, from: number, histories: number): Promise<string> {
  const words = ["--seeds", `${histories}`, "--from", `${from}`, "--first"];
  const flags = ["--disable-warning=ExperimentalWarning", "--import", hooks, cluster, ...words];
  const options = { env: { ...process.env, BAZAAR_SIM_MUTANT: mutant }, timeout: limitMs };
  try {
    return (await promisify(execFile)(process.execPath, flags, options)).stdout;
  } catch (error) {
    return (error as Ended).stdout;
  }
}

export async function huntInCluster(mutant: string, from: number, histories: number): Promise<Hunt> {
  const began = performance.now();
  const said = await run(mutant, from, histories);
  // One process at a time, that does nothing but compute.
  const cpuSeconds = (performance.now() - began) / 1_000;
  const [, seed, by = ""] = /--seed (\d+) .*# (.*)$/m.exec(said) ?? [];
  if (seed === undefined) return { seeds: histories, caught: undefined, cpuSeconds };
  return {
    seeds: Number(seed) - from + 1,
    caught: { seed: Number(seed), by: `the log alone: ${by}` },
    cpuSeconds,
  };
}
