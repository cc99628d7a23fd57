/** All targets, in order: what needs no process first, then those that share one market. */
import { runCaseTarget } from "./case-target.ts";
import { copyTargets } from "./copies.ts";
import { runCrowdingTarget } from "./crowding.ts";
import { decoderTargets } from "./decoders.ts";
import { diskTarget } from "./disks.ts";
import { framingTarget } from "./framing.ts";
import { runHttpTarget } from "./http.ts";
import type { Budget, TargetReport } from "./report.ts";
import { Subject } from "./subject.ts";
import { textTargets } from "./texts.ts";
import { runWireTarget } from "./wire-ports.ts";

export interface Plan {
  readonly seed: number;
  /** Of the counts of a full run. */
  readonly share: number;
  /** All targets together begin nothing new after so long. */
  readonly ms: number;
  /** This target alone; all if it is not given. */
  readonly only?: string;
  readonly path?: string;
  readonly skip?: readonly string[];
}

interface Target {
  readonly name: string;
  readonly count: number;
  /** Of the time of a full run; a target that is done sooner leaves the rest unused. */
  readonly timeShare: number;
  readonly run: (budget: Budget) => Promise<TargetReport>;
}

async function caseTargets(): Promise<Target[]> {
  const targets = [
    ...decoderTargets(),
    framingTarget(),
    ...textTargets(),
    await diskTarget(),
    ...(await copyTargets()),
  ];
  return targets.map((target) => ({
    name: target.name,
    count: target.count,
    // What waits for a disk, or for a thread, is slow; the rest is done long before.
    timeShare: target.unit === "disks" ? 0.1 : 0.2 / targets.length,
    run: (budget) => runCaseTarget(target, budget),
  }));
}

/** Targets that need a market share one, which is started for the first of them. */
function marketTargets(subject: () => Promise<Subject>): Target[] {
  const one = (
    name: string,
    count: number,
    timeShare: number,
    run: (subject: Subject, budget: Budget) => Promise<TargetReport>,
  ): Target => ({ name, count, timeShare, run: async (budget) => run(await subject(), budget) });
  return [
    one("http", 150_000, 0.45, runHttpTarget),
    one("wire", 60_000, 0.05, runWireTarget),
    one("crowding", 1, 0.2, runCrowdingTarget),
  ];
}

async function attempt(target: Target, budget: Budget): Promise<TargetReport> {
  const started = performance.now();
  try {
    return await target.run(budget);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const seconds = (performance.now() - started) / 1_000;
    const replay = `npm run fuzz -- --only ${target.name} --seed ${budget.seed} --count ${budget.count}`;
    const { name } = target;
    return {
      target: name,
      unit: "runs",
      count: 1,
      seconds,
      figures: {},
      failures: [{ what, replay }],
      late: [],
    };
  }
}

/** What a full run counts, but for requests that only measure. */
export async function fullCount(): Promise<number> {
  const targets = [
    ...(await caseTargets()),
    ...marketTargets(() => Promise.reject(new Error("not to be run"))),
  ];
  return targets.reduce((sum, { count }) => sum + count, 0);
}

/** `tell` is called with each report as it comes. Rejects, having told nothing, if there is no target of that name. */
export async function runPlan(plan: Plan, tell: (report: TargetReport) => void): Promise<TargetReport[]> {
  const { seed, share, ms, only, path, skip = [] } = plan;
  let subject: Promise<Subject> | undefined;
  const started = (): Promise<Subject> => {
    subject ??= Subject.start();
    return subject;
  };
  const all = [...(await caseTargets()), ...marketTargets(started)].filter(
    ({ name }) => !skip.includes(name),
  );
  const chosen = only === undefined ? all : all.filter(({ name }) => name === only);
  if (chosen.length === 0)
    throw new Error(`no target ${only}; there are ${all.map(({ name }) => name).join(", ")}`);
  const timeShares = chosen.reduce((sum, { timeShare }) => sum + timeShare, 0);
  const reports: TargetReport[] = [];
  try {
    for (const target of chosen) {
      const count = Math.max(1, Math.ceil(target.count * share));
      const budget = {
        seed,
        count,
        ms: (ms * target.timeShare) / timeShares,
        ...(path !== undefined && { path }),
      };
      const report = await attempt(target, budget);
      reports.push(report);
      tell(report);
    }
  } finally {
    await (await subject)?.close();
  }
  return reports;
}
