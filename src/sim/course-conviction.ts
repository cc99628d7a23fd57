/**
 * The command `sim --log course`: histories of the published protocol in the simulated world, until it is convicted of
 * each way in which it is guilty; with the smallest history that proves it, and what replays it.
 */
import type { Recording } from "../check/smallest.ts";
import { type ChargeKind, charges, tellCharge } from "./course-charges.ts";
import { runTasks } from "./runner.ts";
import type { Answer, Task } from "./task.ts";

export interface ConvictOptions {
  /** The first seed. */
  readonly from: number;
  /** So many histories at most. */
  readonly seeds: number;
  /** Virtual seconds until the faults of a history end. */
  readonly seconds: number;
  /** Without faults each seed is to be accepted, and all are run. */
  readonly faults: boolean;
  readonly workers?: number;
}

/** A charge that is proven. */
export interface Proof {
  readonly kind: ChargeKind;
  /** The first that proves it. */
  readonly seed: number;
  /** How many it took. */
  readonly histories: number;
  /** The command that shows it again. */
  readonly replay: string;
  readonly recording: Recording;
}

export interface Conviction {
  readonly histories: number;
  /** Of those, what clients were told in no order could have been so. */
  readonly rejected: number;
  readonly operations: number;
  readonly proofs: readonly Proof[];
  /** Of those that it must be convicted of. */
  readonly missing: readonly ChargeKind[];
  readonly realSeconds: number;
}

/** The others come by themselves, or do not. */
const needed = ["lost", "doubled", "unrecorded"] as const satisfies readonly ChargeKind[];

/** Of real time, for one history. */
const historyLimitMs = 120_000;

function replayOf(seed: number, { seconds, faults }: ConvictOptions): string {
  return `npm run bazaar -- sim --log course --seed ${seed} --seconds ${seconds}${faults ? "" : " --no-faults"}`;
}

function taskOf(seed: number, { seconds, faults }: ConvictOptions, traced: boolean): Task {
  return { seed, ms: seconds * 1_000, faults, traced, log: "course" };
}

function* tasksOf(options: ConvictOptions): Generator<Task> {
  for (let i = 0; i < options.seeds; i++) yield taskOf(options.from + i, options, false);
}

/** Rejects if a history came to no end that can be judged. */
export async function convict(options: ConvictOptions): Promise<Conviction> {
  const began = performance.now();
  const { from, faults, workers } = options;
  const proofs = new Map<ChargeKind, Proof>();
  const sums = { histories: 0, rejected: 0, operations: 0 };
  let failure: string | undefined;
  const answered = (answer: Answer): boolean => {
    const { seed } = answer;
    sums.histories++;
    if (answer.kind === "ok") {
      sums.operations += answer.verdict.operations;
      return false;
    }
    if (answer.charges === undefined) {
      failure ??= `${replayOf(seed, options)}\n${answer.message}`;
      return true;
    }
    sums.rejected++;
    sums.operations += answer.history.length;
    for (const { kind, recording } of answer.charges) {
      // Workers overtake each other: the first seed counts, not the first answer.
      if ((proofs.get(kind)?.seed ?? Number.POSITIVE_INFINITY) < seed) continue;
      proofs.set(kind, {
        kind,
        seed,
        histories: seed - from + 1,
        replay: replayOf(seed, options),
        recording,
      });
    }
    return needed.every((kind) => proofs.has(kind));
  };
  const limits = { limitMs: historyLimitMs, ...(workers !== undefined && { workers }) };
  await runTasks({ tasks: tasksOf(options), ...limits, answered });
  if (failure !== undefined) throw new Error(failure);
  return {
    ...sums,
    proofs: kindsOf(charges).flatMap((kind) => proofs.get(kind) ?? []),
    missing: faults ? needed.filter((kind) => !proofs.has(kind)) : [],
    realSeconds: (performance.now() - began) / 1_000,
  };
}

const kindsOf = <Kind extends string>(table: Readonly<Record<Kind, string>>): readonly Kind[] =>
  Object.keys(table) as Kind[];

/** Whether it came as it must: convicted under faults, and accepted without. */
export function isAsExpected({ missing, rejected }: Conviction, { faults }: ConvictOptions): boolean {
  return faults ? missing.length === 0 : rejected === 0;
}

/** One seed, with all that happens printed as it does, and what it proves. Whether it came as it must. */
export async function replayCourse(options: ConvictOptions): Promise<boolean> {
  let rejected = false;
  const answered = (answer: Answer): boolean => {
    rejected = answer.kind === "broken";
    const { seed } = answer;
    if (answer.kind === "ok") console.log(`seed ${seed}: accepted ${JSON.stringify(answer.verdict)}`);
    else console.log(`seed ${seed}: REJECTED\n${answer.message}`);
    return true;
  };
  await runTasks({ tasks: [taskOf(options.from, options, true)], workers: 1, answered });
  return rejected === options.faults;
}

/** For a person. */
export function formatConviction(conviction: Conviction, options: ConvictOptions): string {
  const { histories, rejected, operations, proofs, missing, realSeconds } = conviction;
  const told = proofs.map((proof) => {
    const after = `seed ${proof.seed}, ${ordinal(proof.histories)} history`;
    return `${tellCharge(proof)}\n    ${after}: ${proof.replay}\n`;
  });
  const sums = `${histories} histories, ${operations} operations, ${rejected} histories rejected, ${realSeconds.toFixed(1)} s`;
  return [
    ...told,
    ...missing.map((kind) => `NOT FOUND: ${kind}: ${charges[kind]}`),
    sums,
    verdictOf(conviction, options),
  ].join("\n");
}

function verdictOf({ missing, rejected }: Conviction, { faults }: ConvictOptions): string {
  if (!faults) return rejected === 0 ? "Undisturbed, one thing after another, it is right." : "NOT ACCEPTED.";
  if (missing.length > 0) return `NOT CONVICTED of ${missing.join(", ")}.`;
  return "CONVICTED, as it must be: the published protocol loses orders, doubles them, and takes stock for none.";
}

const ordinal = (n: number): string => {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${teen ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[n % 10] ?? "th")}`;
};
