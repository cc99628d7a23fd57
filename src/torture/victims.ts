/** Whom a fault means: who leads just then, which follower runs. Pure; which of several is drawn. */
import { present, unreachable } from "../base/assert.ts";
import { integerBetween, type Random } from "../base/random.ts";
import type { ClusterStatus } from "../wire/process.ts";
import { type Target, targets } from "./fault-kinds.ts";
import type { ProcessRow } from "./own-market.ts";

/** Nobody, or nothing, is there that a fault could strike. */
export class NoVictim extends Error {
  override readonly name = "NoVictim";
}

/** Those who run and are not busy. Throws `NoVictim` unless there is one of each that the target names. */
export function victimsOf(
  target: Target,
  cluster: ClusterStatus,
  busy: ReadonlySet<string>,
  random: Random,
): readonly ProcessRow[] {
  const isFree = ({ life, name }: ProcessRow): boolean => life === "ready" && !busy.has(name);
  const free = cluster.processes.filter(isFree);
  const orders = free.filter(({ role }) => role === "order");
  const leader = orders.find(({ name }) => name === cluster.leader);
  const followers = orders.filter(({ name }) => name !== cluster.leader);
  const one = (rows: readonly ProcessRow[]): readonly ProcessRow[] =>
    rows.length === 0 ? [] : [present(rows[integerBetween(random, 0, rows.length - 1)], "a process")];
  const frontends = free.filter(({ role }) => role === "frontend");
  const catalogs = free.filter(({ role }) => role === "catalog");
  const leading = leader === undefined ? [] : [leader];
  const chosen = (): readonly (readonly ProcessRow[])[] => {
    switch (target) {
      case "leader":
      case "leader's links":
      case "leader's space":
      case "leader's disk":
        return [leading];
      case "follower":
      case "follower's links":
      case "follower's space":
      case "follower's disk":
        return [one(followers)];
      case "front-end":
        return [one(frontends)];
      case "catalog":
        return [one(catalogs)];
      case "leader and follower":
        return [leading, one(followers)];
      case "leader and front-end":
        return [leading, one(frontends)];
      case "follower and catalog":
        return [one(followers), one(catalogs)];
      case "all front-ends":
        return [frontends];
      case "all catalogs":
        return [catalogs];
      case "all replicas":
      case "everybody's space":
        return [orders];
      case "all":
      case "one after the other":
      case "everybody's clock":
        return [free];
      default:
        return unreachable(target);
    }
  };
  const parts = chosen();
  if (target === "everybody's clock") return parts.flat();
  if (parts.some((part) => part.length === 0)) throw new NoVictim(`nobody to strike: ${target}`);
  return parts.flat();
}

/** Links, disks' space and the clock leave the processes as they are: other faults may strike them meanwhile. */
export function strikesProcesses(target: Target): boolean {
  const shared: readonly string[] = ["links", "space", "clock"];
  return targets[target].some((touched) => !shared.includes(touched));
}
