/**
 * The command: runs histories of the whole system in a simulated world, tells those that broke a promise with what
 * replays them, and counts what they went through.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTasks } from "./runner.ts";
import { Sometimes, situations } from "./sometimes.ts";
import type { Answer, Task } from "./task.ts";

export interface SimulateOptions {
  /** This one alone, with its trace. */
  readonly seed: number | undefined;
  readonly from: number;
  readonly seeds: number;
  /** Of real time, in place of a number of seeds. */
  readonly minutes: number | undefined;
  /** Virtual seconds until the faults of a history end. */
  readonly seconds: number;
  readonly faults: boolean;
  readonly json: boolean;
}

export interface Failure {
  readonly seed: number;
  readonly message: string;
  /** The command that shows it again. */
  readonly replay: string;
  /** Where what the shoppers were told lies. */
  readonly history: string;
}

export interface SimReport {
  readonly histories: number;
  readonly virtualHours: number;
  readonly steps: number;
  readonly operations: number;
  readonly orders: number;
  readonly longestGapMs: number;
  /** Histories that were run twice, with the same trace hash. */
  readonly replayed: number;
  readonly failures: readonly Failure[];
  /** How often each fault was done, and each state was reached. */
  readonly situations: Readonly<Record<string, number>>;
  /** Those that never were. A failure if there were many histories, with faults. */
  readonly missing: readonly string[];
  readonly realSeconds: number;
}

/** From so many histories on, every situation must have been reached. */
const manyHistories = 200;
/** Of real time. No history of two virtual minutes takes a tenth of it, on however busy a machine. */
const historyLimitMs = 600_000;
/** Every so often a history is run a second time, which must go exactly the same way. */
const replayEvery = 20;

function replayOf(seed: number, { seconds, faults }: SimulateOptions): string {
  return `npm run bazaar -- sim --seed ${seed} --seconds ${seconds}${faults ? "" : " --no-faults"}`;
}

/** Seeds in a row, some of them twice, until there are enough or the time is up. */
function* tasksOf(options: SimulateOptions, endsAt: number): Generator<Task> {
  const { from, seeds, seconds, faults, minutes } = options;
  const count = minutes === undefined ? seeds : Number.POSITIVE_INFINITY;
  for (let i = 0; i < count && performance.now() < endsAt; i++) {
    const task: Task = { seed: from + i, ms: seconds * 1_000, faults, traced: false };
    yield task;
    if (i % replayEvery === 0) yield task;
  }
}

function keep(directory: string, seed: number, answer: Extract<Answer, { kind: "broken" }>): string {
  const path = join(directory, `seed-${seed}.jsonl`);
  writeFileSync(path, answer.history.map((operation) => `${JSON.stringify(operation)}\n`).join(""));
  return path;
}

/** Run them all; `told` is called with each that fails, as it does. */
export async function simulate(
  options: SimulateOptions,
  told: (failure: Failure) => void,
): Promise<SimReport> {
  const began = performance.now();
  const endsAt = options.minutes === undefined ? Number.POSITIVE_INFINITY : began + options.minutes * 60_000;
  const sometimes = new Sometimes();
  const failures: Failure[] = [];
  /** What came of each seed: its hash, or what was broken. */
  const outcomes = new Map<number, string>();
  const sums = { steps: 0, operations: 0, orders: 0, longestGapMs: 0, replayed: 0 };
  let directory: string | undefined;
  const fail = (seed: number, message: string, history: string): void => {
    const failure = { seed, message, replay: replayOf(seed, options), history };
    failures.push(failure);
    told(failure);
  };
  const answered = (answer: Answer): boolean => {
    const { seed } = answer;
    sometimes.add(answer.counts);
    const outcome = answer.kind === "ok" ? `trace hash ${answer.verdict.hash}` : answer.message;
    const before = outcomes.get(seed);
    if (before !== undefined) {
      sums.replayed++;
      if (before !== outcome)
        fail(seed, `The same seed went two ways.\nFirst: ${before}\nThen: ${outcome}`, "");
      return false;
    }
    outcomes.set(seed, outcome);
    if (answer.kind === "broken") {
      directory ??= mkdtempSync(join(tmpdir(), "bazaar-sim-"));
      fail(seed, answer.message, keep(directory, seed, answer));
      return false;
    }
    const { verdict } = answer;
    sums.steps += verdict.steps;
    sums.operations += verdict.operations;
    sums.orders += verdict.orders;
    sums.longestGapMs = Math.max(sums.longestGapMs, verdict.gapMs);
    return false;
  };
  await runTasks({ tasks: tasksOf(options, endsAt), limitMs: historyLimitMs, answered });
  const histories = outcomes.size;
  return {
    histories,
    virtualHours: (histories * options.seconds) / 3_600,
    ...sums,
    failures,
    situations: Object.fromEntries(sometimes.counts),
    missing: options.faults && histories >= manyHistories ? sometimes.missing : [],
    realSeconds: (performance.now() - began) / 1_000,
  };
}

/** One seed, with all that happens printed as it does. True: nothing was broken. */
export async function replay(options: SimulateOptions, seed: number): Promise<boolean> {
  let fine = false;
  const task: Task = { seed, ms: options.seconds * 1_000, faults: options.faults, traced: true };
  const answered = (answer: Answer): boolean => {
    if (answer.kind === "ok") {
      fine = true;
      console.log(`seed ${seed}: ok ${JSON.stringify(answer.verdict)}`);
    } else console.log(`seed ${seed}: BROKEN\n${answer.message}`);
    return true;
  };
  await runTasks({ tasks: [task], workers: 1, answered });
  return fine;
}

/** The report for a person. */
export function formatReport(report: SimReport): string {
  const width = Math.max(...situations.map((name) => name.length));
  const counts = Object.entries(report.situations).map(
    ([name, times]) => `  ${name.padEnd(width)} ${String(times).padStart(9)}`,
  );
  const { histories, virtualHours, steps, operations, orders, longestGapMs, replayed, failures, missing } =
    report;
  return [
    ...counts,
    ...missing.map((name) => `NEVER: ${name}`),
    `${histories} histories, ${virtualHours.toFixed(1)} virtual hours, ${steps} steps, ${orders} orders in ${operations} operations, longest time without an answered order ${(longestGapMs / 1_000).toFixed(1)} s`,
    `${replayed} run twice; ${failures.length} failures, ${report.realSeconds.toFixed(1)} s`,
  ].join("\n");
}
