/** Waiting for what the world does in its own time. */
import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 20;

/** Resolves once `condition` gives something; `undefined` after `withinMs`. */
export async function soon<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs: number,
): Promise<T | undefined> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > until) return undefined;
    await sleep(pollMs);
  }
}

/** The same, but to wait in vain is a failure, which says for what. */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs: number,
): Promise<T> {
  const value = await soon(condition, withinMs);
  if (value === undefined) throw new Error(`waited in vain for ${what}`);
  return value;
}
