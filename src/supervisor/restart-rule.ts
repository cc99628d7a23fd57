/**
 * When a process that ended by itself is started again: pure, the clock is an argument.
 *
 * The first time at once, because a killed leader costs its cluster a fault of tolerance for as long as it is gone;
 * then with a doubling pause, so that a process which cannot run does not eat the machine. One that never gets as
 * far as ready is given up after a few attempts: trying for ever would hide that somebody has to look.
 */

export const restartTimes = {
  backoffFirstMs: 100,
  backoffMaxMs: 5_000,
  /** Ready for so long, a process has a clean slate. */
  settledMs: 10_000,
  exitsBeforeReadyMax: 5,
} as const;

export interface RestartHistory {
  /** The pause before the next start. */
  readonly delayMs: number;
  /** Exits in a row without having been ready. */
  readonly exitsBeforeReady: number;
}

export const noRestarts: RestartHistory = { delayMs: 0, exitsBeforeReady: 0 };

export type RestartDecision =
  | { readonly kind: "restart"; readonly afterMs: number; readonly history: RestartHistory }
  | { readonly kind: "give-up" };

/** `readyForMs`: how long the process had been ready when it ended; `undefined`: it never was. */
export function afterExit(history: RestartHistory, readyForMs: number | undefined): RestartDecision {
  const exitsBeforeReady = readyForMs === undefined ? history.exitsBeforeReady + 1 : 0;
  if (exitsBeforeReady >= restartTimes.exitsBeforeReadyMax) return { kind: "give-up" };
  const settled = readyForMs !== undefined && readyForMs >= restartTimes.settledMs;
  const afterMs = settled ? 0 : history.delayMs;
  const doubled = Math.min(Math.max(afterMs * 2, restartTimes.backoffFirstMs), restartTimes.backoffMaxMs);
  return { kind: "restart", afterMs, history: { delayMs: doubled, exitsBeforeReady } };
}
