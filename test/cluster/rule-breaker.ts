/**
 * Rules that a history can break on purpose, outside the core, to see that the invariants catch it: a check that never
 * fails proves nothing.
 */
import type { Raft, Reign } from "../../src/raft/raft.ts";
import type { World } from "./world.ts";

export const brokenRules = [
  /** A cut tail may take a term or a vote with it. */
  "forgets votes",
  /** Holders count a lease from when it was granted to them. */
  "counts from the answer",
  /** Holders' clocks run slower than the margin allows for. */
  "slow clocks",
  /** A connection that ends takes its leases with it at once, before the holder knows. */
  "ends with its connection",
  /** A new leader does not wait for the leases of former ones. */
  "does not wait",
  /** A lost log is begun as if there had never been one. */
  "starts as if new",
  /** A barrier needs only a majority. Seldom seen: some history of five members in thousands; no test waits for it. */
  "recovers by a majority",
] as const;
export type Broken = (typeof brokenRules)[number];

/** After a step of a replica. */
export function breakRule(raft: Raft, world: World): void {
  const { reign } = raft;
  if (reign === undefined) return;
  if (world.broken === "does not wait") reign.commitsFrom = raft.now;
  if (world.broken === "recovers by a majority") grantEarly(raft, reign, world);
}

function grantEarly(raft: Raft, reign: Reign, world: World): void {
  if (raft.commit < reign.firstIndex) return;
  const { id: from, incarnation, members } = raft.config;
  for (const [to, { barrier }] of reign.progress) {
    if (barrier === undefined) continue;
    let confirmed = 1;
    for (const { standing, round } of reign.progress.values())
      if (standing !== "recovering" && round >= barrier.round) confirmed++;
    if (confirmed <= members.length / 2) continue;
    const { incarnation: life, index } = barrier;
    world.send({ kind: "recover-grant", from, to, incarnation, term: raft.term, life, index });
  }
}
