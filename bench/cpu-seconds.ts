/** What each process of a market has used of the processors. */
import { readFile } from "node:fs/promises";
import type { Market } from "../test/processes/market.test-support.ts";

/** CPU seconds of a process so far. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  // Fields 14 and 15 of proc(5): user and system time, in clock ticks of 10 ms.
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** CPU seconds of each process so far, by name. */
export async function cpuSeconds(market: Market): Promise<Map<string, number>> {
  const { processes } = await market.status();
  const seconds = new Map<string, number>();
  for (const { name, pid } of processes) {
    if (pid !== null) seconds.set(name, await cpuSecondsOf(pid));
  }
  return seconds;
}
