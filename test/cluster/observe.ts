/** Recognises, from outside the core, the situations that a run must have reached. */
import type { ReplicaId } from "../../src/base/units.ts";
import { changeRefusal } from "../../src/raft/changes.ts";
import type { Effect, Input } from "../../src/raft/effect.ts";
import { type Change, isVoter, type Membership, voterCount } from "../../src/raft/membership.ts";
import type { Message } from "../../src/raft/message.ts";
import { counts } from "../../src/raft/progress.ts";
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
  #members: Membership | undefined;

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
    this.#members = raft.log.members;
    if (input.kind === "change-membership") this.#asked(raft, input.change);
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
    if (message.kind === "recover-request" && raft.reign !== undefined && raft.log.membersFrom > raft.commit)
      sometimes.saw("a barrier waited for a change");
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
      const voters = (raft.log.members ?? []).filter(({ role }) => role === "voter");
      const granted = voters.filter(({ id }) => raft.ballots.get(id)?.granted === true);
      if (granted.length > voters.length / 2) sometimes.saw("a doubtful vote was not enough");
    }
    if (input.kind === "restored" && !effects.some(({ kind }) => kind === "reset"))
      sometimes.saw("a state was joined to a log that held it");
    for (const effect of effects) {
      if (effect.kind === "fetch") sometimes.saw("entries fetched from disk");
      if (effect.kind === "membership") this.#changed(raft, effect.members, effects);
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

  /** Before a change is asked for. */
  #asked(raft: Raft, change: Change): void {
    const seen = {
      "too-early": "a change came too early",
      "no-majority": "a change would have left no majority",
      "not-ready": "a learner was not ready",
      leads: "a leader was asked to remove itself, and handed over",
      "not-leading": undefined,
      pointless: undefined,
    } as const;
    const refusal = changeRefusal(raft, change);
    const situation = refusal === undefined ? undefined : seen[refusal];
    if (situation !== undefined) this.#sometimes.saw(situation);
  }

  #changed(raft: Raft, members: Membership | undefined, effects: readonly Effect[]): void {
    const sometimes = this.#sometimes;
    const before = this.#members;
    if (members === undefined) sometimes.saw("a replica did not know who the members are");
    if (members === undefined || before === undefined) return;
    if (effects.some(({ kind }) => kind === "truncated")) sometimes.saw("a change was undone by truncation");
    if (raft.role !== "leader") return;
    const voters = voterCount(members) - voterCount(before);
    if (voters < 0) sometimes.saw("a voter was removed");
    else if (voters > 0) sometimes.saw("a learner was promoted");
    else if (members.length > before.length) sometimes.saw("a learner was added");
    else if (members.length === before.length) sometimes.saw("who the members are was said again");
  }

  sent(raft: Raft, message: Message, removed: ReadonlySet<ReplicaId>): void {
    const { id } = raft.config;
    if (message.kind === "vote-request" && removed.has(id))
      this.#sometimes.saw("a removed member asked for votes");
    if (message.kind === "vote-reply" && message.granted && !message.pre && !isVoter(raft.log.members, id))
      this.#sometimes.saw("a vote of one who did not know that it is a voter");
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
  for (const progress of reign.progress.values()) if (counts(progress) && progress.match >= index) holding++;
  return holding > voterCount(raft.log.members ?? []) / 2;
}
