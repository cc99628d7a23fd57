/** Majorities. Small enough to be checked by eye, because everything rests on it. */

export function majority(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** The largest value that a majority has reached; `reached` holds one value a member. */
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
 * The result of an election so far. A doubtful vote (its voter cut a torn tail, and may have forgotten an entry that
 * it had acknowledged) counts only where every member grants: then whoever else holds that entry has voted too, and
 * the winner's log is at least as new as theirs.
 */
export function tally(ballots: readonly Ballot[], members: number): Tally {
  let firm = 0;
  let granted = 0;
  for (const ballot of ballots) {
    if (!ballot.granted) continue;
    granted++;
    if (!ballot.doubtful) firm++;
  }
  if (firm >= majority(members) || granted === members) return "won";
  const refused = ballots.length - granted;
  return refused > members - majority(members) ? "lost" : "open";
}
