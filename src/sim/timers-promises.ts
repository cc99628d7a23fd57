/** What code of production finds in place of `node:timers/promises` while it is simulated. */
import * as clock from "./clock.ts";

export function setTimeout(
  delayMs: number,
  value?: unknown,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    }, delayMs);
    const abort = (): void => {
      clock.clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}

export function setImmediate(value?: unknown): Promise<unknown> {
  return new Promise((resolve) => clock.setImmediate(() => resolve(value)));
}
