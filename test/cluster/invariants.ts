/**
 * What must hold after every step of every replica, whatever happened. The checker sees all replicas, all disks and
 * all that was ever true, so it knows more than any replica does, and it shares no code with the core.
 */
import { assert as check, present } from "../../src/base/assert.ts";
import { raftTimes } from "../../src/base/limits.ts";
import type { LogIndex, ReplicaId } from "../../src/base/units.ts";
import type { Effect, Input } from "../../src/raft/effect.ts";
import { decodeMembership, isVoter, type Membership } from "../../src/raft/membership.ts";
import type { Entry, Message } from "../../src/raft/message.ts";
import type { Raft } from "../../src/raft/raft.ts";
import { CommittedMembers, votersOf } from "./committed-members.ts";
import type { SimHolder } from "./holder.ts";
import { Promises } from "./promises.ts";
import type { SimReplica } from "./replica.ts";

/** Payloads travel through a history by reference, so two entries are the same if their payloads are. */
function samePayload(a: Entry, b: Entry): boolean {
  if (a.kind !== b.kind) return false;
  return a.payload === b.payload || (a.payload.length === 0 && b.payload.length === 0);
}

/** Whether its sender counts in a majority. */
function counts(message: Message): boolean {
  if (message.kind === "recover-request") return false;
  return !("standing" in message) || (message.standing !== "recovering" && message.informed);
}

interface Before {
  readonly raft: Raft;
  readonly term: number;
  readonly commit: number;
  readonly delivered: number;
  readonly members: Membership | undefined;
  readonly wasLeader: boolean;
}

export class Invariants {
  readonly #replicas: readonly SimReplica[];
  readonly #holders: readonly SimHolder[];
  /** `${index}:${term}` → the entry, and the term before it. */
  readonly #entries = new Map<string, { readonly entry: Entry; readonly prevTerm: number }>();
  /** term → who led it. */
  readonly #leaders = new Map<number, ReplicaId>();
  /** What anyone ever knew to be committed, and what anyone delivered: `[i]` has index i + 1. */
  readonly #committed: { readonly term: number; readonly inTerm: number }[] = [];
  readonly #delivered: Entry[] = [];

  /** When each leader last heard each of its followers. */
  readonly #heard = new Map<ReplicaId, Map<ReplicaId, number>>();

  /** When each replica's idea of the members changed last. */
  readonly #changes = new Map<ReplicaId, { readonly at: number; readonly before: Membership | undefined }>();

  readonly promises = new Promises();

  readonly #members: CommittedMembers;

  constructor(replicas: readonly SimReplica[], holders: readonly SimHolder[], members: Membership) {
    this.#members = new CommittedMembers(members);
    this.#replicas = replicas;
    this.#holders = holders;
  }

  /** As of the newest committed entry that says so. */
  get members(): Membership {
    return this.#members.members;
  }

  /** Whose removal is committed. */
  get removed(): ReadonlySet<ReplicaId> {
    return this.#members.removed;
  }

  /** The highest index that was delivered anywhere: a read asked for now must see it. */
  get deliveredMax(): number {
    return this.#delivered.length;
  }

  get committedMax(): number {
    return this.#committed.length;
  }

  /** A replica came back: what it takes for committed is what was committed. */
  started(raft: Raft): void {
    if (raft.commit === 0) return;
    const term = raft.log.termAt(raft.commit);
    check(this.#committed[raft.commit - 1]?.term === term, () => `starts with a wrong entry ${raft.commit}`);
  }

  before(raft: Raft): Before {
    const { term, commit, delivered, log } = raft;
    return { raft, term, commit, delivered, members: log.members, wasLeader: raft.role === "leader" };
  }

  after(replica: SimReplica, before: Before, input: Input, effects: readonly Effect[]): void {
    const { raft } = before;
    if (raft.log.members !== before.members)
      this.#changes.set(raft.config.id, { at: raft.now, before: before.members });
    if (raft.role === "leader") this.#checkQuorum(raft, before, input);
    check(raft.term >= before.term, () => `term fell from ${before.term} to ${raft.term}`);
    check(raft.commit >= before.commit, () => `commit fell from ${before.commit} to ${raft.commit}`);
    check(raft.delivered >= before.delivered, () => "delivered fell");
    check(raft.commit <= raft.log.lastIndex, () => "commit is behind the log's end");
    this.#checkDurable(replica, raft);
    for (const effect of effects) if (effect.kind === "persist") this.#checkEntries(replica, effect.entries);
    if (raft.role === "leader" && !before.wasLeader) this.#checkElected(raft);
    if (raft.reign !== undefined) this.#checkMatches(raft);
    if (raft.commit > before.commit) this.#checkCommit(raft, before.commit, input);
    for (const effect of effects) if (effect.kind === "deliver") this.#checkDelivery(replica, before, effect);
  }

  /** What it takes for durable is on its disk, or, while its log is begun anew behind it, in its store. */
  #checkDurable({ disk, store }: SimReplica, raft: Raft): void {
    const { durable, log } = raft;
    if (
      durable <= log.base.index &&
      (durable <= store.index || disk.pending.some(({ kind }) => kind === "reset"))
    )
      return;
    check(durable <= disk.lastIndex, () => `believes ${durable} durable`);
    if (durable <= disk.base.index) return;
    check(log.termAt(durable) === disk.termAt(durable), () => `believes ${durable} durable in another term`);
  }

  /** A leader that looks at the clock and has not heard a majority for an election timeout leads no more. */
  #checkQuorum(raft: Raft, before: Before, input: Input): void {
    const { id } = raft.config;
    const members = present(raft.log.members, "a leader knows the members");
    let heard = this.#heard.get(id);
    if (heard === undefined || !before.wasLeader) {
      heard = new Map(members.map((member) => [member.id, raft.now]));
      this.#heard.set(id, heard);
    }
    heard.set(id, raft.now);
    if (input.kind === "message" && counts(input.message)) heard.set(input.message.from, raft.now);
    if (input.kind !== "tick") return;
    const isRecent = (at: number | undefined) =>
      at !== undefined && raft.now - at < raftTimes.electionTimeoutMinMs;
    // What confirmed its leadership before a change goes on doing so for as long as ever.
    const change = this.#changes.get(id);
    const groups = [members, ...(isRecent(change?.at) ? [change?.before ?? []] : [])].map(votersOf);
    const hears = groups.some(
      (voters) => voters.filter((voter) => isRecent(heard.get(voter))).length > voters.length / 2,
    );
    check(hears, () => `${id} leads, and hears no majority of ${groups.join(" or ")}`);
  }

  /** Election safety; leader completeness. */
  #checkElected(raft: Raft): void {
    const { id } = raft.config;
    const other = this.#leaders.get(raft.term);
    check(other === undefined || other === id, () => `${other} and ${id} both led term ${raft.term}`);
    check(other === undefined, () => `${id} was elected twice in term ${raft.term}`);
    check(isVoter(raft.log.members, id), () => `${id} was elected, and is no voter`);
    this.#members.elected(raft);
    this.#leaders.set(raft.term, id);
    const { base } = raft.log;
    for (const [i, { term, inTerm }] of this.#committed.entries()) {
      // An old candidate may still win an old term: its appends will reach no majority.
      if (inTerm >= raft.term || i + 1 < base.index) continue;
      const own = raft.log.termAt((i + 1) as LogIndex);
      check(
        own === term,
        () => `leader ${id} of term ${raft.term} lacks committed entry ${i + 1} of term ${term}`,
      );
    }
  }

  /** What a leader believes to be on a follower's disk is there, or was until a tail was cut. */
  #checkMatches(raft: Raft): void {
    for (const [peer, { match, standing }] of raft.reign?.progress ?? []) {
      // It counts in nothing.
      if (standing === "recovering") continue;
      const replica = this.#replicas[peer - 1];
      // In a newer term it may have been replaced.
      if (replica === undefined || replica.disk.newestTerm > raft.term) continue;
      // Every leader has what was compacted.
      if (match < raft.log.base.index) continue;
      const term = raft.log.termAt(match) ?? -1;
      const known = replica.isRunning && raft.incarnations.get(peer) === replica.incarnation;
      const holds = this.#has(replica, match, term) || (!known && replica.disk.hasLost(match, term));
      check(holds, () => `leader ${raft.config.id} believes that ${peer} holds ${match}`);
    }
  }

  /** Whether its disk has the entry, or had it until it was compacted. */
  #has({ disk }: SimReplica, index: number, term: number): boolean {
    if (index === 0) return true;
    if (index < disk.base.index) return this.#committed[index - 1]?.term === term;
    return disk.termAt(index) === term;
  }

  /** Whether what it acknowledged, in all its lives, binds it to the entry. */
  #isBound(replica: SimReplica, index: number, term: number): boolean {
    const { disk } = replica;
    return disk.hasLost(index, term) || (!disk.recovering && this.#has(replica, index, term));
  }

  /** The doubt of a cut tail is over: what was lost with it and is committed must be there again. */
  settled(replica: SimReplica): void {
    for (const { index, term } of replica.disk.lost) {
      if (this.#committed[index - 1]?.term !== term) continue;
      check(this.#has(replica, index, term), () => `${replica.id} settled without its lost entry ${index}`);
    }
  }

  /** A replica that had lost its log counts again: what it had acknowledged and is committed must be there again. */
  recovered(replica: SimReplica): void {
    this.promises.recovered(replica);
    for (const { index, term } of replica.disk.forgotten?.entries ?? []) {
      if (this.#committed[index - 1]?.term !== term) continue;
      check(this.#has(replica, index, term), () => `${replica.id} recovered without its lost entry ${index}`);
    }
  }

  /** At any moment nobody has been told of anything that a holder which would answer now does not know to have happened. */
  mayAnswer(holder: SimHolder): void {
    const { floor, id } = holder;
    const delivered = this.#lastCommand(this.deliveredMax);
    check(floor >= delivered, () => `holder ${id} answers at ${floor}, delivered was ${delivered}`);
  }

  /** Before a leader commits by counting, whoever would answer now has acknowledged it. */
  #checkLeases(raft: Raft): void {
    for (const holder of this.#holders) {
      if (!holder.wouldAnswer) continue;
      const { floor, id } = holder;
      const commit = this.#lastCommand(raft.commit);
      check(floor >= commit, () => `committed ${commit}, holder ${id} has acknowledged ${floor}`);
    }
  }

  /** At or before `index`, which is committed, the last entry that is not only about members. */
  #lastCommand(index: number): number {
    let last = index;
    while (this.#entries.get(`${last}:${this.#committed[last - 1]?.term}`)?.entry.kind === "membership")
      last--;
    return last;
  }

  /** Log matching, by induction: what is at an index in a term is one entry, and comes behind one term. */
  #checkEntries(replica: SimReplica, entries: readonly Entry[]): void {
    const raft = replica.running;
    for (const entry of entries) {
      const key = `${entry.index}:${entry.term}`;
      const prevTerm = raft.log.termAt((entry.index - 1) as LogIndex) ?? -1;
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, { entry, prevTerm });
      else {
        check(samePayload(known.entry, entry), () => `two entries ${key}`);
        check(known.prevTerm === prevTerm, () => `${key} comes behind ${known.prevTerm} and ${prevTerm}`);
      }
    }
  }

  /** All agree on what is committed; and it is durable on a majority before anyone knows of it. */
  #checkCommit(raft: Raft, from: number, input: Input): void {
    for (let index = from + 1; index <= raft.commit; index++) {
      const known = this.#committed[index - 1];
      // A state brought it.
      if (index < raft.log.base.index && known !== undefined) continue;
      const term = raft.log.termAt(index as LogIndex) ?? -1;
      if (known !== undefined) {
        check(known.term === term, () => `committed ${index} of term ${known.term} and of ${term}`);
        continue;
      }
      check(this.#committed.length === index - 1, () => `commit ${index} came from nowhere`);
      this.#committed.push({ term, inTerm: raft.term });
      const entry = this.#entries.get(`${index}:${term}`)?.entry;
      if (entry?.kind === "membership") this.#members.committed(decodeMembership(entry.payload));
    }
    if (raft.role !== "leader" || input.kind === "restored") return;
    this.#checkLeases(raft);
    const term = raft.log.termAt(raft.commit);
    const voters = this.#replicas.filter(({ id }) => isVoter(raft.log.members, id));
    const holding = voters.filter((replica) => this.#isBound(replica, raft.commit, term ?? -1));
    check(
      holding.length > voters.length / 2,
      () => `committed ${raft.commit}, durable on ${holding.length} of ${voters.length}`,
    );
    check(term === raft.term, () => `committed ${raft.commit} of term ${term} by counting in ${raft.term}`);
  }

  /** State machine safety, from the disk: what is delivered is durable here. */
  #checkDelivery(replica: SimReplica, before: Before, effect: Effect & { readonly kind: "deliver" }): void {
    check(
      effect.through <= replica.disk.lastIndex,
      () => `delivered ${effect.through} before it was durable`,
    );
    for (let index = before.delivered + 1; index <= effect.through; index++) {
      const entry = replica.disk.entry(index);
      const known = this.#delivered[index - 1];
      if (known === undefined) this.#delivered.push(entry);
      else {
        check(
          known.term === entry.term && samePayload(known, entry),
          () => `delivered two entries at ${index}`,
        );
      }
    }
    check(this.#delivered.length >= effect.through, () => "delivered with a gap");
    for (const holder of this.#holders) if (holder.wouldAnswer) this.mayAnswer(holder);
  }

  sent(replica: SimReplica, message: Message): void {
    if (message.kind === "append")
      check(this.#leaders.get(message.term) === message.from, () => "an append of one who does not lead");
    else if (message.kind === "accepted") this.#checkAccepted(replica, message);
    else this.promises.sent(replica, message);
  }

  /** Nothing is acknowledged before it is durable. */
  #checkAccepted(replica: SimReplica, message: Message & { readonly kind: "accepted" }): void {
    const { disk, running } = replica;
    const what = () => `${message.kind} in term ${message.term} left before it was durable`;
    check(disk.hardState.term >= message.term, what);
    // Of one that recovers it promises nothing.
    if (message.standing !== "recovering") this.promises.promise(replica.id, message.term);
    // What was compacted was durable.
    if (message.match < running.log.base.index && message.match <= disk.lastIndex) return;
    const own = running.log.termAt(message.match);
    check(own !== undefined && this.#has(replica, message.match, own), what);
  }

  /** At the end: all that was ever delivered is in every member's log, and all their logs are equal. */
  finally(): void {
    const members = this.#replicas.filter(({ id }) => this.members.some((member) => member.id === id));
    for (const replica of members) {
      for (const [i, entry] of this.#delivered.entries()) {
        if (i < replica.disk.base.index) continue;
        const own = replica.disk.entry(i + 1);
        check(
          own !== undefined && own.term === entry.term && samePayload(own, entry),
          () => `${replica.id} lacks entry ${i + 1}, which was delivered`,
        );
      }
      const first = members[0];
      check(
        first !== undefined && first.disk.lastIndex === replica.disk.lastIndex,
        () => "logs differ in length",
      );
    }
  }
}
