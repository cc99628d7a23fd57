/** Faults done to a market's processes while a crowd is there, and how long orders waited for each. */
import { setTimeout as sleep } from "node:timers/promises";
import { present } from "../../src/base/assert.ts";
import { integerBetween, type Random } from "../../src/base/random.ts";
import { monotonicNs } from "../../src/client/clock.ts";
import type { Crowd } from "../../src/torture/crowd.ts";
import { longestGapMs, quantile } from "../../src/torture/gaps.ts";
import type { Market } from "../processes/market.test-support.ts";

export const pauseTargets = ["leader", "front-end", "leader and front-end", "catalog"] as const;
export type PauseTarget = (typeof pauseTargets)[number];

export interface Fault {
  readonly what: string;
  readonly from: number;
  readonly to: number;
  /** Whether the same replica led before, during and after it, in the same term: then nothing else delayed orders. */
  readonly alone: boolean;
}

/** Orders that must have been answered between two faults. */
const ordersBetween = 30;
const restMsMax = 300;
const shortestMs = 50;
const longestMs = 3_000;

/** Between the shortest and the longest, as many of each order of magnitude. */
export function pauseMs(random: Random): number {
  return Math.round(shortestMs * (longestMs / shortestMs) ** random());
}

/** Stop processes at once, and let them go on after `ms`, whatever happens meanwhile. */
export async function pause(market: Market, names: readonly string[], ms: number): Promise<void> {
  // Asked for before: a supervisor waits a while for the status of a process that stands still.
  const { processes } = await market.status();
  const pids = processes.filter(({ name }) => names.includes(name)).map(({ pid }) => present(pid, "a pid"));
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  try {
    await sleep(ms);
  } finally {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  }
}

function targetsOf(target: PauseTarget, leader: string, random: Random): readonly string[] {
  const frontend = `frontend-${integerBetween(random, 1, 2)}`;
  switch (target) {
    case "leader":
      return [leader];
    case "front-end":
      return [frontend];
    case "leader and front-end":
      return [leader, frontend];
    case "catalog":
      return [`catalog-${integerBetween(random, 1, 2)}`];
  }
}

/** Pause one target after the other, each at a random moment for a random time. */
export async function pauseAtRandom(
  market: Market,
  crowd: Crowd,
  targets: readonly PauseTarget[],
  random: Random,
): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const what of targets) {
    await crowd.progress(ordersBetween);
    await sleep(random() * restMsMax);
    const leader = await market.leader();
    const { term } = await market.status();
    const from = monotonicNs();
    await pause(market, targetsOf(what, leader, random), pauseMs(random));
    await crowd.progress(ordersBetween);
    const to = monotonicNs();
    const after = await market.status();
    faults.push({ what, from, to, alone: after.leader === leader && after.term === term });
  }
  return faults;
}

/** Shuffled, as many of each kind as `counts` says. */
export function plan(counts: Readonly<Record<PauseTarget, number>>, random: Random): PauseTarget[] {
  const targets = pauseTargets.flatMap((target) => Array.from({ length: counts[target] }, () => target));
  return targets
    .map((target) => ({ target, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ target }) => target);
}

/** The median and the longest of the gaps that began or ended in these faults, milliseconds. */
export function gapsOf(
  faults: readonly Fault[],
  answered: readonly number[],
): { readonly p50: number; readonly max: number } {
  const gaps = faults.map(({ from, to }) => longestGapMs(answered, from, to));
  return { p50: quantile(gaps, 0.5), max: Math.max(0, ...gaps) };
}
