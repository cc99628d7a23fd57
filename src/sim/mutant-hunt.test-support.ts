/** Runs a mutant from seed to seed until a history breaks a promise, or there are no more. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { mutantNamed, mutated } from "./mutants.ts";
import { runTasks } from "./runner.ts";
import type { Answer, Task } from "./task.ts";

export interface HuntOptions {
  /** The first seed. */
  readonly from: number;
  /** So many at most. */
  readonly seeds: number;
  /** Virtual seconds until a history's faults end. */
  readonly seconds: number;
  readonly workers?: number;
}

export interface Hunt {
  /** That it took, the last one included; all if it was not caught. */
  readonly seeds: number;
  readonly caught: { readonly seed: number; readonly by: string } | undefined;
  readonly cpuSeconds: number;
}

/** Some bugs never come to an end. */
const historyLimitMs = 300_000;

function* tasksOf({ from, seeds, seconds }: HuntOptions): Generator<Task> {
  for (let seed = from; seed < from + seeds; seed++) {
    yield { seed, ms: seconds * 1_000, faults: true, traced: false };
  }
}

/** The text of production that a mutant changes, changed. Throws if it has not its one place there. */
export function changedText(name: string): string {
  const mutant = mutantNamed(name);
  return mutated(mutant, readFileSync(fileURLToPath(new URL(`../${mutant.file}`, import.meta.url)), "utf8"));
}

/** `mutant`: its name; none is the code as it is. */
export async function hunt(mutant: string | undefined, options: HuntOptions): Promise<Hunt> {
  // One that cannot be loaded would end every worker, which is not to pass for being caught.
  if (mutant !== undefined) changedText(mutant);
  let caught: Hunt["caught"];
  let done = 0;
  let cpuMs = 0;
  const answered = (answer: Answer): boolean => {
    done++;
    cpuMs += answer.cpuMs;
    // Workers overtake each other: what counts is the first seed, not the first answer.
    if (answer.kind === "broken" && (caught === undefined || answer.seed < caught.seed)) {
      caught = { seed: answer.seed, by: firstLine(answer.message) };
    }
    return caught !== undefined;
  };
  try {
    const { workers } = options;
    await runTasks({
      tasks: tasksOf(options),
      limitMs: historyLimitMs,
      answered,
      ...(mutant !== undefined && { mutant }),
      ...(workers !== undefined && { workers }),
    });
  } catch (error) {
    // A bug may also take the whole world with it.
    caught ??= { seed: options.from + done, by: firstLine(String(error)) };
  }
  const seeds = caught === undefined ? done : caught.seed - options.from + 1;
  return { seeds, caught, cpuSeconds: cpuMs / 1_000 };
}

/** Of what is told of a failure, the first line that says something. */
function firstLine(message: string): string {
  const lines = message.split("\n").filter((line) => !/^(Error: )?\d+ violations$/.test(line));
  return (lines[0] ?? message).trim();
}
