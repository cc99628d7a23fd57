/** What waits for a paused replica, and in which order it comes when it wakes. */
import type { Scheduler } from "./scheduler.ts";

export interface Waiting {
  readonly source: string;
  readonly run: () => void;
}

/** In the order of each source, but the sources in any order: they are different connections. */
export function interleave(all: readonly Waiting[], scheduler: Scheduler): readonly Waiting[] {
  const sources = new Map<string, Waiting[]>();
  for (const waiting of all) {
    const queue = sources.get(waiting.source);
    if (queue === undefined) sources.set(waiting.source, [waiting]);
    else queue.push(waiting);
  }
  const queues = [...sources.values()].map((queue) => queue.reverse());
  const merged: Waiting[] = [];
  while (merged.length < all.length) {
    const waiting = scheduler.pick(queues).pop();
    if (waiting !== undefined) merged.push(waiting);
  }
  return merged;
}
