/**
 * `node test/cluster/run-market.ts --seed 7` runs one history of the whole read path and prints its trace; `--seeds 1000`
 * runs that many, from `--from` (default 1), prints the failures with the command that replays each, and the counters
 * at the end. `--no-faults` and `--broken RULE` (see market/rule-breaker.ts) narrow it down.
 */
import { parseArgs } from "node:util";
import { type MarketHistoryOptions, runMarketHistory } from "./market/history.ts";
import { brokenMarketRules } from "./market/rule-breaker.ts";
import { MarketSometimes } from "./market/sometimes.ts";
import { Sometimes } from "./sometimes.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    "no-faults": { type: "boolean", default: false },
    broken: { type: "string" },
    /** Stop at the first failure. */
    first: { type: "boolean", default: false },
  },
});

const broken = brokenMarketRules.find((rule) => rule === values.broken);
const common: Omit<MarketHistoryOptions, "seed"> = { faults: !values["no-faults"], broken };

function runOne(seed: number): void {
  try {
    const verdict = runMarketHistory({ ...common, seed, trace: (line) => console.log(line) });
    console.log(`seed ${seed}: ok, ${JSON.stringify(verdict)}`);
  } catch (error) {
    console.log(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = 1;
  }
}

function runMany(from: number, count: number): void {
  const market = new MarketSometimes();
  const sometimes = new Sometimes();
  const flags = `${values["no-faults"] ? " --no-faults" : ""}${broken === undefined ? "" : ` --broken "${broken}"`}`;
  const sums = { histories: 0, failures: 0, steps: 0, position: 0, reads: 0, unanswered: 0 };
  const began = performance.now();
  for (let seed = from; seed < from + count; seed++) {
    sums.histories++;
    try {
      const { steps, position, reads, unanswered } = runMarketHistory({ ...common, seed, market, sometimes });
      sums.steps += steps;
      sums.position += position;
      sums.reads += reads;
      sums.unanswered += unanswered;
    } catch (error) {
      sums.failures++;
      console.log(`node test/cluster/run-market.ts --seed ${seed}${flags}  # ${error}`);
      if (values.first) break;
    }
  }
  const seconds = (performance.now() - began) / 1000;
  for (const [name, times] of market.counts) console.log(`${String(times).padStart(10)}  ${name}`);
  console.log(`${JSON.stringify(sums)}, ${seconds.toFixed(1)} s`);
  if (sums.failures > 0) process.exitCode = 1;
}

if (values.seed !== undefined) runOne(Number(values.seed));
else runMany(Number(values.from), Number(values.seeds ?? "100"));
