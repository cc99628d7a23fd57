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
  "a session began",
  "a lease was prolonged",
  "a lease was refused",
  "a lease lapsed at its holder while entries waited for it",
  "a commit waited for an acknowledgement",
  "a commit outlived a lease",
  "a new leader waited for former leases",
  "a drained hand-over without a wait",
  "a drained vote that came late",
  "a session was recalled",
  "a leader was stopped between a grant and its sending",
  "a log was compacted",
  "a follower was sent for a state",
  "a state was joined to a log that held it",
  "a log was begun anew behind a state",
  "a start found a state that the log had not joined",
  "a copy broke off",
  "a copy was begun again after a crash",
  "a store was lost alone",
  "a stateless leader handed over",
  "a log was lost under its store",
  "everything was lost",
  "a barrier was granted",
  "several recovered at once",
  "a recovery finished",
  "a recovery began again",
  "a doubtful and a recovering replica at once",
  "a learner was added",
  "a learner was promoted",
  "a voter was removed",
  "a leader was asked to remove itself, and handed over",
  "a change was undone by truncation",
  "a change came too early",
  "a change would have left no majority",
  "a learner was not ready",
  "a removed member asked for votes",
  "a vote of one who did not know that it is a voter",
  "a replica did not know who the members are",
  "who the members are was said again",
  "a barrier waited for a change",
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
