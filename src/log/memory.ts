/**
 * The log port in one process's memory: for tests of what stands above the port, and as its simplest statement. Its
 * members share one array; "durable" means that the group object still exists, and all that is appended is held by a
 * majority at once. So nothing but leases is ever waited for, and nothing is ever compacted.
 */
import { assert } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { leaseTimes } from "../base/limits.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term, term } from "../base/units.ts";
import type { CommittedEntry, Leadership, Leases, ReplicatedLog } from "./port.ts";

interface Stored {
  readonly term: Term;
  readonly payload: Uint8Array;
  readonly by: MemoryLog;
  /** Gone once it was given back. */
  token: number | undefined;
}

interface Lease {
  /** Who granted it: holders' numbers are a member's own. */
  readonly by: MemoryLog;
  readonly holder: number;
  /** When it is over for certain: later than its holder believes. */
  until: number;
  acknowledged: number;
}

const committedBatch = 1_000;

/** What the members of one group share. */
export class MemoryLogGroup {
  readonly #now: () => number;
  readonly #entries: Stored[] = [];
  readonly #members = new Set<MemoryLog>();
  /** Of all leaders: one that was granted by an earlier one holds commits back all the same. */
  readonly #leases = new Set<Lease>();
  #commit = 0;
  #settling: NodeJS.Timeout | undefined;
  #term: Term = term(0);
  #leader: ReplicaId | undefined;
  /** How many entries there were when the term began. */
  #before = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The first entries, as many as are committed, may be given to anyone. */
  get commit(): number {
    return this.#commit;
  }

  /** Whether everything from before the present term is committed. */
  get begun(): boolean {
    return this.#commit >= this.#before;
  }

  /** A member comes up, with nothing remembered but the log. */
  join(id: ReplicaId): MemoryLog {
    const member = new MemoryLog(id, this);
    this.#members.add(member);
    this.settle();
    return member;
  }

  leave(member: MemoryLog): void {
    this.#members.delete(member);
    if (this.#leader === member.id) this.elect(undefined);
    this.settle();
  }

  /** A new term begins, led by `leader`, or by nobody. */
  elect(leader: ReplicaId | undefined): void {
    this.#term = term(this.#term + 1);
    this.#leader = leader;
    this.#before = this.#entries.length;
    for (const member of this.#members) member.announce();
  }

  leadershipOf(id: ReplicaId): Leadership {
    return { term: this.#term, leader: this.#leader, leading: this.#leader === id };
  }

  add(payload: Uint8Array, by: MemoryLog, token: number): LogIndex {
    this.#entries.push({ term: this.#term, payload, by, token });
    this.settle();
    return logIndex(this.#entries.length);
  }

  /** Committed entries behind the first `after`, as many as one batch holds. */
  read(after: number): readonly Stored[] {
    return this.#entries.slice(after, Math.min(after + committedBatch, this.#commit));
  }

  grant(by: MemoryLog, holder: number, fresh: boolean): number | undefined {
    if (!this.leadershipOf(by.id).leading || !this.begun) return undefined;
    const now = this.#now();
    let lease = this.leaseOf(by, holder);
    if (fresh) {
      assert(lease === undefined, () => `holder ${holder} is not new`);
      lease = { by, holder, until: now, acknowledged: this.#entries.length };
      this.#leases.add(lease);
    } else if (lease === undefined || lease.until <= now) return undefined;
    // With everyone in one process, leadership is confirmed by looking.
    lease.until = now + leaseTimes.leaseMs * leaseTimes.driftMargin;
    return leaseTimes.leaseMs;
  }

  leaseOf(by: MemoryLog, holder: number): Lease | undefined {
    for (const lease of this.#leases) if (lease.by === by && lease.holder === holder) return lease;
    return undefined;
  }

  end(lease: Lease): void {
    this.#leases.delete(lease);
    this.settle();
  }

  /** Commit what no live lease holds back, and look again when the next one is over. */
  settle(): void {
    clearTimeout(this.#settling);
    const now = this.#now();
    let through = this.#entries.length;
    let nextOver = Number.POSITIVE_INFINITY;
    for (const lease of this.#leases) {
      if (lease.until <= now) this.#leases.delete(lease);
      else {
        through = Math.min(through, lease.acknowledged);
        nextOver = Math.min(nextOver, lease.until);
      }
    }
    if (through > this.#commit) {
      this.#commit = through;
      for (const member of this.#members) member.wake();
    }
    if (this.#commit === this.#entries.length || this.#members.size === 0) return;
    this.#settling = setTimeout(() => this.settle(), nextOver - now);
  }
}

export class MemoryLog implements ReplicatedLog {
  readonly id: ReplicaId;
  readonly leases: Leases;
  /** Nothing is ever compacted, so nobody falls behind what there is. */
  readonly behind = undefined;
  readonly #group: MemoryLogGroup;
  #listener: (leadership: Leadership) => void = () => {};
  #more: PromiseWithResolvers<void> = Promise.withResolvers();
  #closed = false;
  #reading = false;

  constructor(id: ReplicaId, group: MemoryLogGroup) {
    this.id = id;
    this.#group = group;
    this.leases = {
      grant: (holder, fresh) => (this.#closed ? undefined : group.grant(this, holder, fresh)),
      acknowledge: (holder, through) => {
        const lease = group.leaseOf(this, holder);
        if (lease === undefined || lease.acknowledged >= through) return;
        lease.acknowledged = through;
        group.settle();
      },
      end: (holder) => {
        const lease = group.leaseOf(this, holder);
        if (lease !== undefined) group.end(lease);
      },
      // Leadership changes between two moments here: it is never about to.
      onRecall: () => {},
    };
  }

  get leadership(): Leadership {
    return this.#group.leadershipOf(this.id);
  }

  get commitIndex(): LogIndex {
    return logIndex(this.#group.commit);
  }

  onLeadership(listener: (leadership: Leadership) => void): void {
    this.#listener = listener;
  }

  append(payload: Uint8Array, fence: Term, token: number): LogIndex {
    assert(payload.length > 0, "an empty payload is the engine's own");
    const { leading, term: current } = this.leadership;
    if (this.#closed || !leading || current !== fence) throw notLeading();
    return this.#group.add(payload, this, token);
  }

  async barrier(): Promise<LogIndex> {
    const { term: asked } = this.leadership;
    for (;;) {
      const { leading, term: current } = this.leadership;
      if (this.#closed || !leading || current !== asked) throw notLeading();
      if (this.#group.begun) return this.commitIndex;
      await this.#more.promise;
    }
  }

  async *committed(after: LogIndex): AsyncGenerator<readonly CommittedEntry[], void, undefined> {
    assert(!this.#reading, "a member has one reader at a time");
    this.#reading = true;
    try {
      let next: number = after;
      while (!this.#closed) {
        const batch = this.#group.read(next);
        if (batch.length === 0) {
          await this.#more.promise;
          continue;
        }
        const first = next + 1;
        next += batch.length;
        yield batch.map((stored, i) => ({
          index: logIndex(first + i),
          term: stored.term,
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

  /** There is nothing to bring in line: `committed` begins wherever it is told to. */
  restore(): Promise<void> {
    return Promise.resolve();
  }

  compact(): void {}

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
    // Whoever waits for a barrier of the term that is over must be told.
    this.wake();
  }

  wake(): void {
    const { resolve } = this.#more;
    this.#more = Promise.withResolvers();
    resolve();
  }
}

function notLeading(): OperatingFailure {
  return new OperatingFailure("not-leader", "This replica does not lead.");
}
