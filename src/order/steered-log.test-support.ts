/** A member of a memory log's group in which a test brings about what never happens there. */
import type { LogIndex, Term } from "../base/units.ts";
import type { MemoryLog } from "../log/memory.ts";
import type { CommittedEntry, Leadership, Leases, ReplicatedLog } from "../log/port.ts";

export class SteeredLog implements ReplicatedLog {
  readonly leases: Leases;
  behind: LogIndex | undefined;
  readonly restored: [LogIndex, Term][] = [];
  readonly compacted: LogIndex[] = [];
  readonly #log: MemoryLog;
  #handingOver = false;
  #listener: (leadership: Leadership) => void = () => {};

  /** `behind`: what is missing up to here is in no log any more, until a state is restored. */
  constructor(log: MemoryLog, behind?: LogIndex) {
    this.#log = log;
    this.leases = log.leases;
    this.behind = behind;
  }

  /** It leads, and may not append for a while. */
  handOver(begun: boolean): void {
    this.#handingOver = begun;
    this.#listener(this.leadership);
  }

  get leadership(): Leadership {
    const { term, leader, leading } = this.#log.leadership;
    return { term, leader, leading: leading && !this.#handingOver };
  }

  get commitIndex(): LogIndex {
    return this.#log.commitIndex;
  }

  onLeadership(listener: (leadership: Leadership) => void): void {
    this.#listener = listener;
    this.#log.onLeadership(() => listener(this.leadership));
  }

  append(payload: Uint8Array, fence: Term, token: number): LogIndex {
    return this.#log.append(payload, fence, token);
  }

  barrier(): Promise<LogIndex> {
    return this.#log.barrier();
  }

  async *committed(after: LogIndex): AsyncGenerator<readonly CommittedEntry[], void, undefined> {
    if (this.behind === undefined) yield* this.#log.committed(after);
  }

  async restore(index: LogIndex, term: Term): Promise<void> {
    this.restored.push([index, term]);
    this.behind = undefined;
  }

  compact(through: LogIndex): void {
    this.compacted.push(through);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
