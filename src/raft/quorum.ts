/** Majorities. Small enough to be checked by eye, because everything rests on it. */
import type { ReplicaId } from "../base/units.ts";
import type { Membership } from "./membership.ts";

export function majority(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** The largest value that a majority has reached; `reached` holds one value a voter. */
export function reachedByMajority(reached: readonly number[]): number {
  const sorted = [...reached].sort((a, b) => b - a);
  return sorted[majority(reached.length) - 1] ?? 0;
}

export interface Ballot {
  readonly granted: boolean;
  readonly doubtful: boolean;
}

export type Tally = "won" | "lost" | "open";

/**
 * The result of an election so far: the voters' ballots count, whoever else sent one. A doubtful vote (its voter cut a torn
 * tail, and may have forgotten an entry that it had acknowledged) counts only where every voter grants: then whoever else
 * holds that entry has voted too, and the winner's log is at least as new as theirs. (An entry that says who the voters
 * are is in no tail that is cut: the log sees to that.)
 */
export function tally(ballots: ReadonlyMap<ReplicaId, Ballot>, members: Membership): Tally {
  let voters = 0;
  let firm = 0;
  let refused = 0;
  let granted = 0;
  for (const { id, role } of members) {
    if (role === "learner") continue;
    voters++;
    const ballot = ballots.get(id);
    if (ballot === undefined) continue;
    if (!ballot.granted) refused++;
    else {
      granted++;
      if (!ballot.doubtful) firm++;
    }
  }
  if (firm >= majority(voters) || granted === voters) return "won";
  return refused > voters - majority(voters) ? "lost" : "open";
}
