/** What a torture may be asked for. */
import type { FaultKind } from "./fault-kinds.ts";
import type { Shape } from "./schedule.ts";

export interface TortureOptions extends Shape {
  readonly seconds: number;
  readonly kinds: readonly FaultKind[];
  readonly seed: number;
  /** Clients who wait for their answers, all together. */
  readonly clients: number;
  /** Orders a second, of all; reads are about as many. */
  readonly rate: number;
  /** Where to write the history; else it is kept only if something is found. */
  readonly record?: string;
}
