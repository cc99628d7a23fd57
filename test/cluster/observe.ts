/** Recognises, from outside the core, the situations that a run must have reached. */
import type { Effect, Input } from "../../src/raft/effect.ts";
import type { Raft } from "../../src/raft/raft.ts";
import type { Sometimes } from "./sometimes.ts";

export class Observer {
  readonly #sometimes: Sometimes;
  #term = 0;
  #wasLeader = false;
  #wasDoubtful = false;
  /** The term in which it stands because the leader said so. */
  #transferTerm = 0;

  constructor(sometimes: Sometimes) {
    this.#sometimes = sometimes;
  }

  /** Before a step. */
  before(raft: Raft, input: Input): void {
    const sometimes = this.#sometimes;
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
    if (leads && !this.#wasLeader) {
      sometimes.saw("elected");
      if (this.#transferTerm === raft.term) sometimes.saw("transfer completed");
    }
    if (this.#wasLeader && !leads && raft.term > this.#term) sometimes.saw("a stale leader deposed");
    if (leads && raft.commit > raft.durable) sometimes.saw("commit ran ahead of the own disk");
    if (this.#wasDoubtful && !raft.doubtful) sometimes.saw("doubt settled");
    if (raft.role === "candidate" && input.kind === "message" && input.message.kind === "vote-reply") {
      const granted = [...raft.ballots.values()].filter((ballot) => ballot.granted).length;
      if (granted > raft.config.members.length / 2) sometimes.saw("a doubtful vote was not enough");
    }
    for (const effect of effects) {
      if (effect.kind === "fetch") sometimes.saw("entries fetched from disk");
      if (effect.kind === "read-ready") sometimes.saw("read served");
      if (effect.kind === "read-refused") sometimes.saw("read refused");
      if (effect.kind === "truncated") sometimes.saw("suffix truncated");
      if (effect.kind !== "noted") continue;
      if (effect.event.kind === "transfer-started") sometimes.saw("transfer started");
      if (effect.event.kind === "quorum-lost") sometimes.saw("quorum lost");
    }
  }
}
