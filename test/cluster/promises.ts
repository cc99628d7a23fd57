/**
 * What replicas promised, over all their lives: terms that never fall, and one vote a term. A replica that lost its disk
 * does not know what it promised, but this does.
 */
import { assert as check } from "../../src/base/assert.ts";
import type { ReplicaId } from "../../src/base/units.ts";
import type { Message } from "../../src/raft/message.ts";
import type { SimReplica } from "./replica.ts";

export class Promises {
  /** `${replica}:${term}` → whom it voted for, durably. */
  readonly #votes = new Map<string, ReplicaId>();
  /** The highest durable term that each replica promised anything in. */
  readonly #promised = new Map<ReplicaId, number>();

  /** A vote is durable before anyone hears of it. */
  sent(replica: SimReplica, message: Message): void {
    if (message.kind !== "vote-reply" && message.kind !== "vote-request") return;
    if (message.pre || (message.kind === "vote-reply" && !message.granted)) return;
    const candidate = message.kind === "vote-reply" ? message.to : message.from;
    const { term, votedFor } = replica.disk.hardState;
    check(
      term === message.term && votedFor === candidate,
      () => `${message.kind} in term ${message.term} left before it was durable`,
    );
    check(replica.running.recovery === undefined, () => `${replica.id} votes while it recovers`);
    this.promise(replica.id, message.term);
    this.#vote(replica.id, message.term, candidate);
  }

  promise(id: ReplicaId, term: number): void {
    const before = this.#promised.get(id) ?? 0;
    check(term >= before, () => `${id} promised in term ${term} after ${before}`);
    this.#promised.set(id, term);
  }

  /** A replica that had lost its log may promise again, and has no vote to give where it may have given one. */
  recovered({ id, disk }: SimReplica): void {
    const promised = this.#promised.get(id) ?? 0;
    const { term, votedFor } = disk.hardState;
    check(term >= promised, () => `${id} recovered in term ${term}, and promised in ${promised}`);
    check(votedFor !== undefined, () => `${id} recovered with a free vote in term ${term}`);
  }

  #vote(voter: ReplicaId, term: number, candidate: ReplicaId): void {
    const key = `${voter}:${term}`;
    const other = this.#votes.get(key);
    check(
      other === undefined || other === candidate,
      () => `${voter} voted for ${other} and ${candidate} in term ${term}`,
    );
    this.#votes.set(key, candidate);
  }
}
