/** How long nobody was answered, from a recorded history. */
import { present } from "../base/assert.ts";
import type { Operation } from "../check/history.ts";

/** When orders were answered, in nanoseconds of the recording's clock, ascending. Refusals are answers too. */
export function answerTimes(history: string): number[] {
  const ends: number[] = [];
  for (const line of history.split("\n")) {
    if (line === "" || line.startsWith('{"complete"')) continue;
    const { op, status, end } = JSON.parse(line) as Operation;
    if (op === "order" && status !== null && end !== null) ends.push(end);
  }
  return ends.sort((a, b) => a - b);
}

/** The longest time between two successive answers of which the second came in (from, to]; milliseconds. */
export function longestGapMs(ends: readonly number[], from = -Infinity, to = Infinity): number {
  let longest = 0;
  for (let i = 1; i < ends.length; i++) {
    const end = present(ends[i], "end");
    if (end > from && end <= to) longest = Math.max(longest, end - present(ends[i - 1], "end"));
  }
  return longest / 1e6;
}

/** The value below which the given share of the values lies; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
