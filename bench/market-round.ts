/** One round of load on a market of its own, and what each of its processes paid for a request. */
import { Market, type MarketOptions } from "../test/processes/market.test-support.ts";
import { cpuSeconds } from "./cpu-seconds.ts";
import { type Load, type Measured, measure } from "./load.ts";

export interface MarketRound extends Measured {
  /** Microseconds of CPU for each request, by process. */
  readonly cpu: ReadonlyMap<string, number>;
}

const warmUpSeconds = 2;

export async function marketRound(
  path: string,
  load: Omit<Load, "url">,
  options?: MarketOptions,
): Promise<MarketRound> {
  const market = await Market.start(options);
  try {
    const url = market.url + path;
    await measure({ ...load, url, seconds: warmUpSeconds });
    const before = await cpuSeconds(market);
    const measured = await measure({ ...load, url });
    const after = await cpuSeconds(market);
    const requests = measured.requestsPerSecond * load.seconds;
    const cpu = new Map(
      [...after].map(([name, s]) => [name, ((s - (before.get(name) ?? 0)) / requests) * 1e6]),
    );
    return { ...measured, cpu };
  } finally {
    await market.close();
  }
}
