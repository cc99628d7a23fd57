/** The events that `watch` shows: what processes say of themselves, and what the supervisor sees of them. */
import type { ProcessEvent } from "../wire/process.ts";

export type SupervisorEvent =
  | { readonly kind: "process-started"; readonly pid: number }
  | { readonly kind: "process-ready"; readonly tookMs: number }
  | {
      readonly kind: "process-exited";
      readonly code: number | null;
      readonly signal: string | null;
      /** Whether the supervisor asked for it: by `kill`, `down` or Ctrl-C. */
      readonly wanted: boolean;
      /** When it is started again; `null`: it is not. */
      readonly restartInMs: number | null;
    }
  | { readonly kind: "process-paused" }
  | { readonly kind: "process-resumed" }
  /** What the process sends to `peer` does not arrive; unless `oneWay`, what `peer` sends to it neither. */
  | { readonly kind: "link-cut"; readonly peer: string; readonly oneWay: boolean }
  /** All its links; a delay of 0 without loss: they are slow no more. */
  | { readonly kind: "link-slowed"; readonly delayMs: number; readonly loss: number }
  /** All its links. */
  | { readonly kind: "links-healed" }
  /** It is not started again until somebody says `start`. */
  | { readonly kind: "process-failed"; readonly message: string };

export interface TimelineEvent {
  /** Unix milliseconds, the machine's clock. */
  readonly at: number;
  /** The process's name, such as `order-3`. */
  readonly process: string;
  readonly event: SupervisorEvent | ProcessEvent;
}
