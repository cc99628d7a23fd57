/**
 * `node test/cluster/run.ts --seed 7` runs one history and prints its trace; `--seeds 1000` runs that many, from
 * `--from` (default 1), prints the failures with the command that replays each, and the counters at the end.
 * `--members 5`, `--changes yes`, `--no-faults` and `--broken RULE` (see rule-breaker.ts) narrow it down.
 */
import { parseArgs } from "node:util";
import { type HistoryOptions, runHistory } from "./history.ts";
import { brokenRules } from "./rule-breaker.ts";
import { Sometimes } from "./sometimes.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    members: { type: "string" },
    /** Only histories whose members come and go, or only others. */
    changes: { type: "string" },
    "no-faults": { type: "boolean", default: false },
    broken: { type: "string" },
    /** Stop at the first failure. */
    first: { type: "boolean", default: false },
  },
});

const common: Omit<HistoryOptions, "seed"> = {
  faults: !values["no-faults"],
  broken: brokenRules.find((rule) => rule === values.broken),
  ...(values.changes === undefined ? {} : { changes: values.changes === "yes" }),
  ...(values.members === undefined ? {} : { members: Number(values.members) }),
};

function runOne(seed: number): void {
  try {
    const verdict = runHistory({ ...common, seed, trace: (line) => console.log(line) });
    console.log(`seed ${seed}: ok, ${JSON.stringify(verdict)}`);
  } catch (error) {
    console.log(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = 1;
  }
}

function runMany(from: number, count: number): void {
  const sometimes = new Sometimes();
  const flags = process.argv.slice(2).filter((flag, i, all) => {
    const valued = ["--members", "--broken", "--changes"];
    return flag === "--no-faults" || valued.includes(flag) || valued.includes(all[i - 1] ?? "");
  });
  let failures = 0;
  let steps = 0;
  const began = performance.now();
  let seed = from;
  for (; seed < from + count; seed++) {
    try {
      steps += runHistory({ ...common, seed, sometimes }).steps;
    } catch (error) {
      failures++;
      console.log(`node test/cluster/run.ts --seed ${seed} ${flags.join(" ")}  # ${error}`);
      if (values.first) break;
    }
  }
  const seconds = (performance.now() - began) / 1000;
  for (const [name, times] of sometimes.counts) console.log(`${String(times).padStart(10)}  ${name}`);
  console.log(`${count} histories, ${steps} steps, ${failures} failures, ${seconds.toFixed(1)} s`);
  if (failures > 0) process.exitCode = 1;
}

if (values.seed !== undefined) runOne(Number(values.seed));
else runMany(Number(values.from), Number(values.seeds ?? "100"));
