/** Recognises, from outside the core, the situations that a run must have reached. */
import type { Effect, Input } from "../../src/raft/effect.ts";
import type { Raft, Reign } from "../../src/raft/raft.ts";
import type { SimDisk } from "./disk.ts";
import type { Sometimes } from "./sometimes.ts";
import type { SimStore } from "./store.ts";

export class Observer {
  readonly #sometimes: Sometimes;
  #term = 0;
  #wasLeader = false;
  #wasDoubtful = false;
  /** The term in which it stands because the leader said so. */
  #transferTerm = 0;
  #commit = 0;
  #commitsFrom = 0;
  /** An entry waited, though a majority held it: for a lease, or for those of former leaders. */
  #waited = false;
  #recovered = true;

  constructor(sometimes: Sometimes) {
    this.#sometimes = sometimes;
  }

  started(disk: SimDisk, store: SimStore): void {
    if (store.copying) this.#sometimes.saw("a copy was begun again after a crash");
    if (disk.recovering && !this.#recovered) this.#sometimes.saw("a recovery began again");
    this.#recovered = !disk.recovering;
  }

  /** Before a step. */
  before(raft: Raft, input: Input): void {
    const sometimes = this.#sometimes;
    this.#commit = raft.commit;
    this.#commitsFrom = raft.reign?.commitsFrom ?? 0;
    this.#term = raft.term;
    this.#wasLeader = raft.role === "leader";
    this.#wasDoubtful = raft.doubtful;
    if (input.kind === "tick") {
      if (raft.role === "candidate" && raft.now >= raft.electionAt)
        sometimes.saw("an election without a winner");
      const transfer = raft.reign?.transfer;
      if (transfer !== undefined && raft.now >= transfer.until) sometimes.saw("transfer given up");
      for (const progress of raft.reign?.progress.values() ?? []) {
        if (progress.inFlight.length > 0 && progress.inFlightBytes >= 16 * 1024 * 1024) {
          sometimes.saw("a follower's window was full");
        }
      }
      return;
    }
    if (input.kind === "peer-gone") sometimes.saw("peer gone");
    if (input.kind === "read" && raft.reign !== undefined && raft.commit < raft.reign.firstIndex) {
      sometimes.saw("a read waited for the first commit of the term");
    }
    if (input.kind !== "message") return;
    const { message } = input;
    const known = raft.incarnations.get(message.from) ?? 0;
    if (message.incarnation < known) sometimes.saw("a message of an older life arrived");
    if (message.incarnation > known && known > 0 && raft.reign !== undefined) {
      sometimes.saw("a follower started anew under its leader");
    }
    if (message.kind !== "vote-reply") return;
    if (message.pre && !message.granted) sometimes.saw("pre-vote refused");
    if (!message.pre && message.granted && message.doubtful) sometimes.saw("a doubtful vote was cast");
  }

  /** After a step. */
  after(raft: Raft, input: Input, effects: readonly Effect[]): void {
    const sometimes = this.#sometimes;
    if (input.kind === "message" && input.message.kind === "timeout-now" && raft.term > this.#term)
      this.#transferTerm = raft.term;
    const leads = raft.role === "leader";
    if (raft.reign !== undefined && raft.config.leaseMs > 0)
      this.#leases(raft, raft.reign, input.kind === "tick");
    if (leads && !this.#wasLeader) {
      sometimes.saw("elected");
      if (raft.drained) sometimes.saw("a drained hand-over without a wait");
      if (this.#transferTerm === raft.term) sometimes.saw("transfer completed");
    }
    if (this.#wasLeader && !leads && raft.term > this.#term) sometimes.saw("a stale leader deposed");
    if (leads && raft.commit > raft.durable) sometimes.saw("commit ran ahead of the own disk");
    if (this.#wasDoubtful && !raft.doubtful) sometimes.saw("doubt settled");
    if (raft.role === "candidate" && input.kind === "message" && input.message.kind === "vote-reply") {
      const granted = [...raft.ballots.values()].filter((ballot) => ballot.granted).length;
      if (granted > raft.config.members.length / 2) sometimes.saw("a doubtful vote was not enough");
    }
    if (input.kind === "restored" && !effects.some(({ kind }) => kind === "reset"))
      sometimes.saw("a state was joined to a log that held it");
    for (const effect of effects) {
      if (effect.kind === "fetch") sometimes.saw("entries fetched from disk");
      if (effect.kind === "read-ready") sometimes.saw("read served");
      if (effect.kind === "read-refused") sometimes.saw("read refused");
      if (effect.kind === "truncated") sometimes.saw("suffix truncated");
      if (effect.kind === "lease-granted" && input.kind === "lease" && !input.fresh)
        sometimes.saw("a lease was prolonged");
      if (effect.kind === "lease-refused") sometimes.saw("a lease was refused");
      if (effect.kind === "behind") sometimes.saw("a follower was sent for a state");
      if (effect.kind === "reset") sometimes.saw("a log was begun anew behind a state");
      if (effect.kind === "recovered") {
        this.#recovered = true;
        sometimes.saw("a recovery finished");
      }
      if (effect.kind === "send" && effect.message.kind === "recover-grant")
        sometimes.saw("a barrier was granted");
      if (effect.kind === "send" && effect.message.kind === "timeout-now" && !raft.stateful)
        sometimes.saw("a stateless leader handed over");
      if (effect.kind !== "noted") continue;
      if (effect.event.kind === "transfer-started") sometimes.saw("transfer started");
      if (effect.event.kind === "quorum-lost") sometimes.saw("quorum lost");
    }
  }

  #leases(raft: Raft, reign: Reign, tick: boolean): void {
    const sometimes = this.#sometimes;
    const waits = raft.now < reign.commitsFrom;
    if (this.#wasLeader && this.#commitsFrom > raft.now && !waits)
      sometimes.saw("a drained vote that came late");
    if (raft.commit > this.#commit && this.#waited && tick) sometimes.saw("a commit outlived a lease");
    this.#waited = false;
    if (raft.commit === raft.log.lastIndex || !heldByMajority(raft, reign, raft.commit + 1)) return;
    if (waits) {
      sometimes.saw("a new leader waited for former leases");
      return;
    }
    for (const lease of reign.leases.values()) {
      if (lease.acknowledged > raft.commit || lease.until <= raft.now) continue;
      this.#waited = true;
      sometimes.saw("a commit waited for an acknowledgement");
      return;
    }
  }
}

function heldByMajority(raft: Raft, reign: Reign, index: number): boolean {
  let holding = raft.durable >= index ? 1 : 0;
  for (const { standing, match } of reign.progress.values())
    if (standing !== "recovering" && match >= index) holding++;
  return holding > raft.config.members.length / 2;
}
