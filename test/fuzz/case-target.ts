/**
 * Targets whose cases are independent of each other: a property of fast-check, which also shrinks what fails. A seed
 * and a path are a replay.
 */
import fc from "fast-check";
import { type Budget, type Failure, replayCommand, type TargetReport } from "./report.ts";

export interface CaseTarget {
  readonly name: string;
  readonly unit: "frames" | "texts" | "disks" | "rows";
  /** Of all the cases of a full run, how many are of this target. */
  readonly count: number;
  /** Made anew for every run. `took` is called for a case that was understood, not refused. */
  property(took: () => void): fc.IRawProperty<unknown>;
}

/** One case may take so much of the processor: far above the slowest, far below a loop that grows with a number read. */
const caseCpuMsMax = 1_000;
/** What a whole target may leave the process larger by, at its largest. */
const grownMiBMax = 512;

/** `run`, which must not take as long as one that was made to work by a number in its input. */
export function timed(run: () => void): void {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  const ms = (user + system) / 1_000;
  if (ms > caseCpuMsMax) throw new Error(`it took ${Math.round(ms)} ms of the processor`);
}

const residentMiB = (): number => process.resourceUsage().maxRSS / 1_024;

export async function runCaseTarget(target: CaseTarget, budget: Budget): Promise<TargetReport> {
  const { seed, count, ms, path } = budget;
  const started = performance.now();
  const residentBefore = residentMiB();
  let understood = 0;
  const took = (): void => {
    understood++;
  };
  const result = await fc.check(target.property(took), {
    seed,
    numRuns: path === undefined ? count : 1,
    interruptAfterTimeLimit: ms,
    markInterruptAsFailure: false,
    ...(path !== undefined && { path }),
  });
  const grown = Math.round(residentMiB() - residentBefore);
  const failures = failuresOf(target.name, result);
  if (grown > grownMiBMax) failures.push({ what: `the process grew by ${grown} MiB`, replay: "" });
  return {
    target: target.name,
    unit: target.unit,
    count: result.numRuns,
    seconds: (performance.now() - started) / 1_000,
    figures: { understood: `${Math.round((100 * understood) / Math.max(1, result.numRuns))} %` },
    failures,
    late: [],
  };
}

export function failuresOf(target: string, result: fc.RunDetails<unknown>): Failure[] {
  if (!result.failed) return [];
  const { counterexample, counterexamplePath, errorInstance, numShrinks, seed } = result;
  const why =
    errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance);
  const what = `${why}\n    with (shrunk ${numShrinks} times): ${fc.stringify(counterexample).slice(0, 600)}`;
  return [{ what, replay: replayCommand(target, seed, counterexamplePath ?? "0") }];
}
