/**
 * Round after round of faults until time is over, and between them the question whether everybody comes back. What keeps
 * a market from being whole, or from answering orders, when nothing is wrong any more, is an anomaly like a wrong answer.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Crowd } from "./crowd.ts";
import type { FaultKind } from "./fault-kinds.ts";
import type { Injected, Injector, PassedOver } from "./injector.ts";
import { highestPosition, isWhole, type OwnMarket } from "./own-market.ts";
import { type Shape, schedule } from "./schedule.ts";
import { soon } from "./wait.ts";

/** For everybody to be back after a round; recoveries and copies included, on a machine that has much else to do. */
const wholeWithinMs = 90_000;
const ordersBetween = 10;
const ordersWithinMs = 60_000;

export interface TormentOptions {
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly shape: Shape;
  readonly seconds: number;
  readonly tell: (line: string) => void;
  /** Ends it early, after the present round. */
  readonly signal: AbortSignal;
}

export interface Torment {
  readonly rounds: number;
  readonly injected: readonly Injected[];
  readonly passedOver: readonly PassedOver[];
  /** Why it ended before its time. */
  readonly anomalies: readonly string[];
}

/** Whether everybody is back; else who is not, in words. */
export async function becameWhole(market: OwnMarket): Promise<string | undefined> {
  const floor = highestPosition(await market.status());
  if (await soon(async () => isWhole(await market.status(), floor), wholeWithinMs)) return undefined;
  const { leader, term, processes } = await market.status();
  const rows = processes.map(({ name, life, state, position, recovering }) => {
    return [name, life, state, position, recovering].filter((word) => word !== undefined).join(" ");
  });
  return `not whole within ${wholeWithinMs / 1_000} s (leader ${leader ?? "none"}, term ${term}): ${rows.join("; ")}`;
}

export async function torment(
  market: OwnMarket,
  crowd: Crowd,
  injector: Injector,
  options: TormentOptions,
): Promise<Torment> {
  const { seed, kinds, shape, seconds, tell, signal } = options;
  const began = performance.now();
  const injected: Injected[] = [];
  const passedOver: PassedOver[] = [];
  const anomalies: string[] = [];
  let rounds = 0;
  const strike = async (fault: Parameters<Injector["inject"]>[0]): Promise<void> => {
    await sleep(fault.afterMs);
    const outcome = await injector.inject(fault);
    const at = `${((performance.now() - began) / 1_000).toFixed(1).padStart(7)} s  `;
    if ("why" in outcome) {
      passedOver.push(outcome);
      tell(`${at}passed over: ${outcome.kind}, ${outcome.why}`);
      return;
    }
    injected.push(outcome);
    tell(`${at}${outcome.words}`);
  };
  for (const round of schedule(seed, kinds, shape)) {
    if (performance.now() - began > seconds * 1_000 || signal.aborted) break;
    rounds++;
    // All are waited for, also when one fails: what each has done is undone.
    const ended = await Promise.allSettled(round.faults.map(strike));
    const failed = ended.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    if (round.settles) {
      const why = await becameWhole(market);
      if (why !== undefined) {
        anomalies.push(`P6 ${why}, after ${round.faults.map(({ kind }) => kind).join(", ")}`);
        break;
      }
      injector.settled();
      await crowd.progress(ordersBetween, ordersWithinMs);
    }
    await sleep(round.restMs);
  }
  return { rounds, injected, passedOver, anomalies };
}
