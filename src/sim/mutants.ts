/**
 * Deliberate bugs. Each breaks one rule by changing one place of one file of production as it is loaded into the
 * simulated world (hooks.ts), where histories must then break a promise: so the simulator is itself put to the test.
 * Production knows nothing of it.
 */
import { assert } from "../base/assert.ts";
import { logMutants } from "./mutants-log.ts";
import { marketMutants } from "./mutants-market.ts";
import { raftMutants } from "./mutants-raft.ts";
import { readMutants } from "./mutants-reads.ts";

export interface Mutant {
  readonly name: string;
  /** What holds without it. */
  readonly rule: string;
  /** Within src/. */
  readonly file: string;
  /** Occurs there exactly once, and `to` in its place. */
  readonly from: string;
  readonly to: string;
}

export const mutants: readonly Mutant[] = [...raftMutants, ...logMutants, ...readMutants, ...marketMutants];

/** The name of that which this process is to load, if any. */
export const chosenMutant: string | undefined = process.env.BAZAAR_SIM_MUTANT;

export function mutantNamed(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  assert(mutant !== undefined, () => `there is no mutant ${name}`);
  return mutant;
}

/** The text with the mutant's change. Throws unless there is exactly one place for it. */
export function mutated({ name, file, from, to }: Mutant, text: string): string {
  const [before = "", after, ...more] = text.split(from);
  assert(after !== undefined, () => `${file} has no place for the mutant ${name}`);
  assert(more.length === 0, () => `${file} has several places for the mutant ${name}`);
  return before + to + after;
}

/** What is loaded for a file of production. */
export function applyMutant(name: string | undefined, file: string, text: string): string {
  if (name === undefined) return text;
  const mutant = mutantNamed(name);
  return mutant.file === file ? mutated(mutant, text) : text;
}
