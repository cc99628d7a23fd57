/**
 * The log port in one process's memory: for tests of what stands above the port, and as its simplest statement. Its
 * members share one array; "durable" means that the group object still exists.
 */
import { assert } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term, term } from "../base/units.ts";
import type { CommittedEntry, Leadership, ReplicatedLog } from "./port.ts";

interface Stored {
  readonly payload: Uint8Array;
  readonly by: MemoryLog;
  /** Gone once it was given back. */
  token: number | undefined;
}

const committedBatch = 1_000;

/** What the members of one group share. */
export class MemoryLogGroup {
  readonly entries: Stored[] = [];
  readonly #members = new Set<MemoryLog>();
  #term: Term = term(0);
  #leader: ReplicaId | undefined;

  /** A member comes up, with nothing remembered but the log. */
  join(id: ReplicaId): MemoryLog {
    const member = new MemoryLog(id, this);
    this.#members.add(member);
    return member;
  }

  leave(member: MemoryLog): void {
    this.#members.delete(member);
    if (this.#leader === member.id) this.elect(undefined);
  }

  /** A new term begins, led by `leader`, or by nobody. */
  elect(leader: ReplicaId | undefined): void {
    this.#term = term(this.#term + 1);
    this.#leader = leader;
    for (const member of this.#members) member.announce();
  }

  leadershipOf(id: ReplicaId): Leadership {
    return { term: this.#term, leader: this.#leader, leading: this.#leader === id };
  }

  add(entry: Stored): void {
    this.entries.push(entry);
    for (const member of this.#members) member.wake();
  }
}

export class MemoryLog implements ReplicatedLog {
  readonly id: ReplicaId;
  readonly #group: MemoryLogGroup;
  #listener: (leadership: Leadership) => void = () => {};
  #more: PromiseWithResolvers<void> = Promise.withResolvers();
  #closed = false;
  #reading = false;

  constructor(id: ReplicaId, group: MemoryLogGroup) {
    this.id = id;
    this.#group = group;
  }

  get leadership(): Leadership {
    return this.#group.leadershipOf(this.id);
  }

  get commitIndex(): LogIndex {
    return logIndex(this.#group.entries.length);
  }

  onLeadership(listener: (leadership: Leadership) => void): void {
    this.#listener = listener;
  }

  append(payload: Uint8Array, fence: Term, token: number): void {
    assert(payload.length > 0, "an empty payload is the engine's own");
    const { leading, term: current } = this.leadership;
    if (this.#closed || !leading || current !== fence) {
      throw new OperatingFailure("not-leader", "This replica does not lead.");
    }
    this.#group.add({ payload, by: this, token });
  }

  barrier(): Promise<LogIndex> {
    if (this.#closed || !this.leadership.leading) {
      return Promise.reject(new OperatingFailure("not-leader", "This replica does not lead."));
    }
    return Promise.resolve(this.commitIndex);
  }

  async *committed(after: LogIndex): AsyncGenerator<readonly CommittedEntry[], void, undefined> {
    assert(!this.#reading, "a member has one reader at a time");
    this.#reading = true;
    try {
      let next: number = after;
      while (!this.#closed) {
        const batch = this.#group.entries.slice(next, next + committedBatch);
        if (batch.length === 0) {
          await this.#more.promise;
          continue;
        }
        const first = next + 1;
        next += batch.length;
        yield batch.map((stored, i) => ({
          index: logIndex(first + i),
          payload: stored.payload,
          token: this.#takeToken(stored),
        }));
      }
    } finally {
      this.#reading = false;
    }
  }

  #takeToken(stored: Stored): number | undefined {
    if (stored.by !== this) return undefined;
    const { token } = stored;
    stored.token = undefined;
    return token;
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#group.leave(this);
      this.#more.resolve();
    }
    return Promise.resolve();
  }

  announce(): void {
    this.#listener(this.leadership);
  }

  wake(): void {
    const { resolve } = this.#more;
    this.#more = Promise.withResolvers();
    resolve();
  }
}
