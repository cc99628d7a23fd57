/**
 * What must hold after every step of every replica, whatever happened. The checker sees all replicas, all disks and
 * all that was ever true, so it knows more than any replica does, and it shares no code with the core.
 */
import { AssertionError } from "../../src/base/assert.ts";
import { raftTimes } from "../../src/base/limits.ts";
import type { LogIndex, ReplicaId } from "../../src/base/units.ts";
import type { Effect, Input } from "../../src/raft/effect.ts";
import type { Entry, Message } from "../../src/raft/message.ts";
import type { Raft } from "../../src/raft/raft.ts";
import type { SimReplica } from "./replica.ts";

function check(condition: boolean, message: () => string): void {
  if (!condition) throw new AssertionError(message());
}

/** Payloads travel through a history by reference, so two entries are the same if their payloads are. */
function samePayload(a: Entry, b: Entry): boolean {
  return a.payload === b.payload || (a.payload.length === 0 && b.payload.length === 0);
}

interface Before {
  readonly raft: Raft;
  readonly term: number;
  readonly commit: number;
  readonly delivered: number;
  readonly wasLeader: boolean;
}

export class Invariants {
  readonly #replicas: readonly SimReplica[];
  /** `${index}:${term}` → the entry, and the term before it. */
  readonly #entries = new Map<string, { readonly entry: Entry; readonly prevTerm: number }>();
  /** term → who led it. */
  readonly #leaders = new Map<number, ReplicaId>();
  /** `${replica}:${term}` → whom it voted for, durably. */
  readonly #votes = new Map<string, ReplicaId>();
  /** The highest durable term that each replica promised anything in. */
  readonly #promised = new Map<ReplicaId, number>();
  /** What anyone ever knew to be committed, and what anyone delivered: `[i]` has index i + 1. */
  readonly #committed: { readonly term: number; readonly inTerm: number }[] = [];
  readonly #delivered: Entry[] = [];

  /** When each leader last heard each of its followers. */
  readonly #heard = new Map<ReplicaId, Map<ReplicaId, number>>();

  constructor(replicas: readonly SimReplica[]) {
    this.#replicas = replicas;
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
    const { term, commit, delivered } = raft;
    return { raft, term, commit, delivered, wasLeader: raft.role === "leader" };
  }

  after(replica: SimReplica, before: Before, input: Input, effects: readonly Effect[]): void {
    const { raft } = before;
    if (raft.role === "leader") this.#checkQuorum(raft, before, input);
    check(raft.term >= before.term, () => `term fell from ${before.term} to ${raft.term}`);
    check(raft.commit >= before.commit, () => `commit fell from ${before.commit} to ${raft.commit}`);
    check(raft.delivered >= before.delivered, () => "delivered fell");
    check(raft.commit <= raft.log.lastIndex, () => "commit is behind the log's end");
    check(raft.durable <= replica.disk.lastIndex, () => `believes ${raft.durable} durable`);
    check(
      raft.durable === 0 || raft.log.termAt(raft.durable) === replica.disk.termAt(raft.durable),
      () => `believes ${raft.durable} durable in another term`,
    );
    for (const effect of effects) if (effect.kind === "persist") this.#checkEntries(replica, effect.entries);
    if (raft.role === "leader" && !before.wasLeader) this.#checkElected(raft);
    if (raft.reign !== undefined) this.#checkMatches(raft);
    if (raft.commit > before.commit) this.#checkCommit(raft, before.commit);
    for (const effect of effects) if (effect.kind === "deliver") this.#checkDelivery(replica, before, effect);
  }

  /** A leader that looks at the clock and has not heard a majority for an election timeout leads no more. */
  #checkQuorum(raft: Raft, before: Before, input: Input): void {
    const { id, members } = raft.config;
    let heard = this.#heard.get(id);
    if (heard === undefined || !before.wasLeader) {
      heard = new Map(members.map((member) => [member, raft.now]));
      this.#heard.set(id, heard);
    }
    heard.set(id, raft.now);
    if (input.kind === "message") heard.set(input.message.from, raft.now);
    if (input.kind !== "tick") return;
    const recent = [...heard.values()].filter((at) => raft.now - at < raftTimes.electionTimeoutMinMs);
    check(recent.length > members.length / 2, () => `${id} leads, but hears only ${recent.length}`);
  }

  /** Election safety; leader completeness. */
  #checkElected(raft: Raft): void {
    const { id } = raft.config;
    const other = this.#leaders.get(raft.term);
    check(other === undefined || other === id, () => `${other} and ${id} both led term ${raft.term}`);
    // A group of one leads at once, before its term is durable: who could have been told?
    check(
      other === undefined || this.#replicas.length === 1,
      () => `${id} was elected twice in term ${raft.term}`,
    );
    this.#leaders.set(raft.term, id);
    for (const [i, { term, inTerm }] of this.#committed.entries()) {
      // An old candidate may still win an old term: its appends will reach no majority.
      if (inTerm >= raft.term) continue;
      const own = raft.log.termAt((i + 1) as LogIndex);
      check(
        own === term,
        () => `leader ${id} of term ${raft.term} lacks committed entry ${i + 1} of term ${term}`,
      );
    }
  }

  /** What a leader believes to be on a follower's disk is there, or was until a tail was cut. */
  #checkMatches(raft: Raft): void {
    for (const [peer, { match }] of raft.reign?.progress ?? []) {
      const replica = this.#replicas[peer - 1];
      // In a newer term it may have been replaced.
      if (replica === undefined || replica.disk.hardState.term > raft.term) continue;
      const { disk } = replica;
      const term = raft.log.termAt(match);
      const known = replica.isRunning && raft.incarnations.get(peer) === replica.incarnation;
      const holds =
        disk.termAt(match) === term ||
        (!known && disk.lost.some((each) => each.index === match && each.term === term));
      check(holds, () => `leader ${raft.config.id} believes that ${peer} holds ${match}`);
    }
  }

  /** The doubt of a cut tail is over: what was lost with it and is committed must be there again. */
  settled(replica: SimReplica): void {
    for (const { index, term } of replica.disk.lost) {
      if (this.#committed[index - 1]?.term !== term) continue;
      check(
        replica.disk.termAt(index) === term,
        () => `${replica.id} settled without its lost entry ${index}`,
      );
    }
  }

  /** Log matching, by induction: what is at an index in a term is one entry, and comes behind one term. */
  #checkEntries(replica: SimReplica, entries: readonly Entry[]): void {
    const raft = replica.running;
    for (const entry of entries) {
      const key = `${entry.index}:${entry.term}`;
      const prevTerm = raft.log.termAt((entry.index - 1) as LogIndex) ?? -1;
      const known = this.#entries.get(key);
      // What a group of one had not made durable was never anywhere.
      if (known === undefined || this.#replicas.length === 1) this.#entries.set(key, { entry, prevTerm });
      else {
        check(samePayload(known.entry, entry), () => `two entries ${key}`);
        check(known.prevTerm === prevTerm, () => `${key} comes behind ${known.prevTerm} and ${prevTerm}`);
      }
    }
  }

  /** All agree on what is committed; and it is durable on a majority before anyone knows of it. */
  #checkCommit(raft: Raft, from: number): void {
    for (let index = from + 1; index <= raft.commit; index++) {
      const term = raft.log.termAt(index as LogIndex) ?? -1;
      const known = this.#committed[index - 1];
      if (known !== undefined) {
        check(known.term === term, () => `committed ${index} of term ${known.term} and of ${term}`);
        continue;
      }
      check(this.#committed.length === index - 1, () => `commit ${index} came from nowhere`);
      this.#committed.push({ term, inTerm: raft.term });
    }
    if (raft.role !== "leader") return;
    const term = raft.log.termAt(raft.commit);
    const holding = this.#replicas.filter(
      ({ disk }) =>
        disk.termAt(raft.commit) === term ||
        disk.lost.some((entry) => entry.index === raft.commit && entry.term === term),
    );
    check(
      holding.length > this.#replicas.length / 2,
      () => `committed ${raft.commit}, durable on ${holding.length}`,
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
  }

  /** Nothing is promised before it is durable at its sender. */
  sent(replica: SimReplica, message: Message): void {
    const { disk } = replica;
    const { hardState } = disk;
    const what = () => `${message.kind} in term ${message.term} left before it was durable`;
    switch (message.kind) {
      case "vote-reply":
        if (message.pre || !message.granted) return;
        check(hardState.term === message.term && hardState.votedFor === message.to, what);
        this.promise(replica.id, message.term);
        return this.#checkVote(replica.id, message.term, message.to);
      case "vote-request":
        if (message.pre) return;
        check(hardState.term === message.term && hardState.votedFor === message.from, what);
        this.promise(replica.id, message.term);
        return this.#checkVote(replica.id, message.term, message.from);
      case "accepted": {
        check(hardState.term >= message.term, what);
        this.promise(replica.id, message.term);
        const own = replica.running.log.termAt(message.match);
        check(own !== undefined && disk.termAt(message.match) === own, what);
        return;
      }
      case "append":
        check(this.#leaders.get(message.term) === message.from, () => "an append of one who does not lead");
        return;
      default:
    }
  }

  /** The promises of a replica are of terms that never fall, over all its lives. */
  promise(id: ReplicaId, term: number): void {
    const before = this.#promised.get(id) ?? 0;
    check(term >= before, () => `${id} promised in term ${term} after ${before}`);
    this.#promised.set(id, term);
  }

  #checkVote(voter: ReplicaId, term: number, candidate: ReplicaId): void {
    const key = `${voter}:${term}`;
    const other = this.#votes.get(key);
    check(
      other === undefined || other === candidate,
      () => `${voter} voted for ${other} and ${candidate} in term ${term}`,
    );
    this.#votes.set(key, candidate);
  }

  /** At the end: all that was ever delivered is in every log, and all logs are equal. */
  finally(): void {
    for (const replica of this.#replicas) {
      for (const [i, entry] of this.#delivered.entries()) {
        const own = replica.disk.entries[i];
        check(
          own !== undefined && own.term === entry.term && samePayload(own, entry),
          () => `${replica.id} lacks entry ${i + 1}, which was delivered`,
        );
      }
      const first = this.#replicas[0];
      check(
        first !== undefined && first.disk.lastIndex === replica.disk.lastIndex,
        () => "logs differ in length",
      );
    }
  }
}
