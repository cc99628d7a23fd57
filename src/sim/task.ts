/** What the command and its workers say to each other. */
import type { Operation } from "../check/history.ts";
import type { Charge } from "./course-charges.ts";
import type { Situation } from "./sometimes.ts";

export interface Task {
  readonly seed: number;
  /** Virtual milliseconds until the faults end. */
  readonly ms: number;
  readonly faults: boolean;
  /** Print what happens. */
  readonly traced: boolean;
  /** Which system: ours, unless it is told. */
  readonly log?: "embedded" | "course";
}

/** What one history came to. */
export interface Verdict {
  /** Of everything that happened, in its order: the same seed gives the same. */
  readonly hash: number;
  readonly steps: number;
  readonly operations: number;
  readonly orders: number;
  /** Virtual milliseconds between two answered orders, at most. */
  readonly gapMs: number;
}

export type Answer = {
  readonly seed: number;
  readonly counts: readonly (readonly [Situation, number])[];
  /** What it cost, milliseconds of a processor. */
  readonly cpuMs: number;
} & (
  | { readonly kind: "ok"; readonly verdict: Verdict }
  | {
      readonly kind: "broken";
      readonly message: string;
      readonly history: readonly Operation[];
      /** Of the published protocol: what is proven. */
      readonly charges?: readonly Charge[];
    }
);
