/**
 * Fuzzing of all that reads what others have written: requests, frames, files.
 *
 *     npm run fuzz                              # a million cases and more, about ten minutes on two idle cores
 *     npm run fuzz -- --count 100000 --seed 7   # fewer, of another seed
 *     npm run fuzz -- --seconds 60              # until then
 *     npm run fuzz -- --only http               # one target
 *     npm run fuzz -- --only wire/frames --seed 7 --path 12:0    # a case that failed
 *
 * Prints, for each target, what was counted and what was found; exits with 3 if anything was wrong, or slower than its
 * bound. A short form is in `npm test` (fuzz.test.ts).
 */
import { parseArgs } from "node:util";
import { fullCount, runPlan } from "./plan.ts";
import { formatReport, formatTotals } from "./report.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "900" },
    count: { type: "string" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    path: { type: "string" },
  },
});
const { only, path, count } = values;
if (path !== undefined && only === undefined) throw new Error("a path is of one target: say --only too");
const share = count === undefined ? 1 : Number(count) / (await fullCount());
const reports = await runPlan(
  {
    seed: Number(values.seed),
    share,
    ms: Number(values.seconds) * 1_000,
    ...(only !== undefined && { only }),
    ...(path !== undefined && { path }),
  },
  (report) => console.log(formatReport(report)),
);
console.log(formatTotals(reports));
process.exitCode = reports.some(({ failures, late }) => failures.length + late.length > 0) ? 3 : 0;
