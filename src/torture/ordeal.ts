/** The market under load while faults are done to it: from the first order to the last verification. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs } from "../client/clock.ts";
import { Crowd } from "./crowd.ts";
import { DirectReaders } from "./direct-readers.ts";
import type { Happenings } from "./happenings.ts";
import { Injector } from "./injector.ts";
import { becameWhole, type Torment, torment } from "./nemesis.ts";
import type { TortureOptions } from "./options.ts";
import { hotNames } from "./wares.ts";
import { Witness } from "./witness.ts";
import type { Workshop } from "./workshop.ts";

/** Nobody may wait for longer: faults follow each other closely, but all of them end. */
const readDeadlineMs = 60_000;
const leaveWithinMs = 180_000;
const leaveMsPerOrder = 5;
const restlessEveryMs = 25;
const direct = { readersPerReplica: 2, askEveryMs: 40 } as const;

export interface OrdealOptions extends TortureOptions {
  /** Where the history is written. */
  readonly history: string;
  readonly tell: (line: string) => void;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** What the load and the faults came to. */
export interface Ordeal {
  readonly torment: Torment;
  readonly seconds: number;
  readonly witness: Witness;
  readonly crowd: Crowd;
  readonly directReads: number;
  readonly anomalies: readonly string[];
}

/** Everybody goes, when every order was asked for once more; false if that took too long. */
async function leave(crowd: Crowd, witness: Witness): Promise<boolean> {
  const left = crowd.stop().then(() => true);
  const late = new AbortController();
  const withinMs = leaveWithinMs + witness.placed.length * leaveMsPerOrder;
  const waited = sleep(withinMs, false, { signal: late.signal });
  // Whichever comes later is of no concern any more.
  left.catch(() => undefined);
  waited.catch(() => undefined);
  const inTime = await Promise.race([left, waited]);
  late.abort();
  if (!inTime) crowd.abandon();
  return inTime;
}

/** Never rejects once the load has begun: what goes wrong then is an anomaly. */
export async function endure(
  { market, clock, disks }: Workshop,
  happenings: Happenings,
  options: OrdealOptions,
): Promise<Ordeal> {
  const { tell, signal } = options;
  const anomalies: string[] = [];
  const { processes, resource } = await market.status();
  const urls = await market.frontendUrls();
  const nextNumber = Math.max(0, ...processes.map(({ orders = 0 }) => orders));
  const witness = await Witness.begin({ urls, resource, file: options.history, nextNumber, readDeadlineMs });
  const perDoor = Math.max(1, Math.round(options.clients / urls.length));
  const couriers = Math.max(1, Math.round(perDoor / 6));
  const readers = Math.max(1, Math.round(perDoor / 3));
  const writers = Math.max(1, perDoor - couriers - readers);
  const pace = { rate: options.rate, readRate: options.rate / 2, restlessEveryMs, seed: options.seed };
  const crowd = new Crowd(witness, { writers, readers, couriers, ...pace });
  const ports = processes.filter(({ role }) => role === "order").map(({ port }) => port);
  let directReads = 0;
  const directReaders = new DirectReaders(
    { cluster: market.cluster, ports, items: hotNames, ...direct },
    {
      read: (operation) => {
        directReads++;
        // A recording that fails is told when it is closed.
        witness.add(operation)?.catch(() => undefined);
      },
      missing: (item) => anomalies.push(`P4 a replica does not know ${item}`),
    },
  );
  const injector = new Injector(market, happenings, { disks, clock });
  const began = monotonicNs();
  let done: Torment = { rounds: 0, injected: [], passedOver: [], anomalies: [] };
  let seconds = 0;
  try {
    await crowd.progress(1);
    done = await torment(market, crowd, injector, { ...options, shape: options, tell, signal });
    seconds = (monotonicNs() - began) / 1e9;
    await injector.mend();
    const why = await becameWhole(market);
    directReaders.close();
    if (why === undefined) {
      tell("faults are over; every acknowledged order is asked for once more");
      if (!(await leave(crowd, witness))) anomalies.push("P6 not every order could be asked for in time");
    } else {
      // Clients would wait for a market that does not answer: what they saw until now is judged.
      anomalies.push(`P6 ${why}, with all faults over`);
      crowd.abandon();
    }
  } catch (error) {
    crowd.abandon();
    anomalies.push(`the torture itself failed: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    directReaders.close();
    await witness.end();
  }
  return { torment: done, seconds, witness, crowd, directReads, anomalies };
}
