/** The short form of the fuzzing, with a fixed seed: what is not found here is looked for by `npm run fuzz`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runPlan } from "./plan.ts";
import { formatReport, type TargetReport } from "./report.ts";

/** An eighth of a full run's cases, if there is time; times are for the report of the full run to tell. */
const plan = { seed: 1, share: 0.13, ms: 40_000, skip: ["crowding", "store/sqlite-copies"] };

const reports: TargetReport[] = await runPlan(plan, () => {});
const total = (unit: string): number =>
  reports.filter((report) => report.unit === unit).reduce((sum, { count }) => sum + count, 0);

describe("what others have written", () => {
  for (const report of reports) {
    test(`never breaks whoever reads it: ${report.target}`, () => {
      assert.ok(report.count > 0);
      assert.deepEqual(report.failures, [], formatReport(report));
    });
  }

  test("was fuzzed with as much as was meant, unless the machine had no time", () => {
    for (const [unit, least] of [
      ["requests", 2_000],
      ["frames", 50_000],
      ["texts", 5_000],
      ["disks", 50],
    ] as const) {
      assert.ok(total(unit) >= least, `${total(unit)} ${unit}`);
    }
  });
});
