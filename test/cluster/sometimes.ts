/**
 * Counters of states that a run must have reached at least once: a fault that never bites, or a rule that is never
 * put to use, proves nothing.
 */
export const situations = [
  "elected",
  "an election without a winner",
  "pre-vote refused",
  "suffix truncated",
  "a write completed after its entries were replaced",
  "entries fetched from disk",
  "a follower's window was full",
  "transfer started",
  "transfer completed",
  "transfer given up",
  "a doubtful vote was cast",
  "a doubtful vote was not enough",
  "acknowledged entries lost with a cut tail",
  "doubt settled",
  "quorum lost",
  "a stale leader deposed",
  "read served",
  "read refused",
  "a read waited for the first commit of the term",
  "a follower started anew under its leader",
  "a message of an older life arrived",
  "peer gone",
  "all crashed at once",
  "commit ran ahead of the own disk",
  "woken by a tick first",
  "woken by messages first",
] as const;

export type Situation = (typeof situations)[number];

export class Sometimes {
  readonly counts = new Map<Situation, number>(situations.map((name) => [name, 0]));

  saw(name: Situation): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  get missing(): readonly Situation[] {
    return situations.filter((name) => this.counts.get(name) === 0);
  }
}
