/**
 * When to send a request again. A pure decision: an order carries its key, so sending it again is always safe, and a
 * read has no effect; what is left to decide is which outcomes are worth it, and how long to wait.
 */
import type { Random } from "../base/random.ts";
import type { AttemptOutcome } from "./exchange.ts";

export type RetryCause = "lost" | "503" | "504" | "429";

/** Waits double from the first to the last, each shortened at random by up to a half so that clients spread. */
export const backOffMs = { first: 10, last: 500 } as const;

/** `undefined`: the outcome is final. */
export function retryCause(outcome: AttemptOutcome): RetryCause | undefined {
  if (outcome.kind === "lost") return "lost";
  switch (outcome.status) {
    case 503:
      return "503";
    case 504:
      return "504";
    case 429:
      return "429";
    default:
      return undefined;
  }
}

/** How long to wait after attempt `attempts` (from 1). Retry-After is a least wait; jitter only adds to it. */
export function waitBeforeRetryMs(outcome: AttemptOutcome, attempts: number, random: Random): number {
  if (outcome.kind === "answered" && outcome.retryAfterMs !== undefined && outcome.retryAfterMs > 0) {
    return outcome.retryAfterMs * (1 + random() / 4);
  }
  const full = Math.min(backOffMs.last, backOffMs.first * 2 ** Math.min(attempts - 1, 16));
  return full * (1 - random() / 2);
}
