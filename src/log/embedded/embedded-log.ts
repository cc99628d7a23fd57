/**
 * The replicated log of our own: the Raft core, driven by a write-ahead log, connections to the peers, and a clock.
 *
 * This shell decides nothing. It turns what happens into inputs of the core, carries out the effects in order, and
 * hands out what is committed. Writing, sending and applying overlap: an entry is on its way to the followers while
 * the leader's own disk still writes it, and the next entry is formed while both are under way.
 */
import { assert, present, unreachable } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { logLimits } from "../../base/limits.ts";
import type { Random } from "../../base/random.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term } from "../../base/units.ts";
import type { Effect, Input, RaftEvent } from "../../raft/effect.ts";
import { LogView } from "../../raft/log-view.ts";
import type { Entry } from "../../raft/message.ts";
import { createRaft, mayAppend, type Raft } from "../../raft/raft.ts";
import { step } from "../../raft/step.ts";
import type { Connection } from "../../wire/connection.ts";
import type { Hello } from "../../wire/hello.ts";
import type { Acceptor } from "../../wire/listener.ts";
import type { CommittedEntry, Leadership, ReplicatedLog } from "../port.ts";
import { nextIncarnation } from "./incarnation.ts";
import { type Member, Peers } from "./peers.ts";
import { WalDamaged } from "./wal/damage.ts";
import { type Recovered, WriteAheadLog } from "./wal/write-ahead-log.ts";

/** The core's clock is looked at this often; its times are multiples of tens of milliseconds. */
const tickMs = 10;
/** One batch of `committed`. */
const deliverBytes = 1024 * 1024;

export interface EmbeddedLogOptions {
  readonly cluster: string;
  readonly name: string;
  readonly id: ReplicaId;
  /** Every replica of the group, this one included. */
  readonly members: readonly Member[];
  readonly directory: string;
  /** What the reader has applied: it was committed, whatever this log's end says. */
  readonly applied: LogIndex;
  readonly random: Random;
  /** A failed write or sync: this process must end. */
  readonly onFatal: (error: unknown) => void;
  readonly onEvent: (event: EmbeddedEvent) => void;
}

export type EmbeddedEvent =
  | RaftEvent
  | { readonly kind: "suffix-truncated"; readonly from: LogIndex; readonly to: LogIndex }
  | { readonly kind: "tail-cut"; readonly bytes: number }
  | { readonly kind: "peer-connected"; readonly peer: ReplicaId }
  | { readonly kind: "peer-lost"; readonly peer: ReplicaId }
  | {
      readonly kind: "role-changed";
      readonly role: Raft["role"];
      readonly term: Term;
      readonly leader: ReplicaId | undefined;
    };

interface Appended {
  readonly term: Term;
  readonly token: number;
  readonly bytes: number;
}

interface Barrier {
  readonly resolve: (index: LogIndex) => void;
  readonly reject: (error: OperatingFailure) => void;
}

export class EmbeddedLog implements ReplicatedLog {
  readonly #options: EmbeddedLogOptions;
  readonly #wal: WriteAheadLog;
  readonly #raft: Raft;
  readonly #peers: Peers;
  readonly #ticker: NodeJS.Timeout;
  readonly #clockOffset = performance.now();

  /** What this process appended and has not seen committed, by index. */
  readonly #appended = new Map<LogIndex, Appended>();
  #uncommittedBytes = 0;
  readonly #barriers = new Map<number, Barrier>();
  #lastBarrier = 0;

  #leadership: Leadership;
  #onLeadership: (leadership: Leadership) => void = () => {};
  /** Readers that wait for more to be delivered. */
  #wakeReaders: PromiseWithResolvers<void> = Promise.withResolvers();
  #persistedTicket = 0;
  #persistedScheduled = false;
  #closed = false;
  #reading = false;

  private constructor(
    options: EmbeddedLogOptions,
    wal: WriteAheadLog,
    recovered: Recovered,
    incarnation: number,
  ) {
    this.#options = options;
    this.#wal = wal;
    const { id, members, random } = options;
    const log = new LogView(recovered.terms, recovered.lastIndex, recovered.tail, logLimits.tailBytes);
    const config = { id, members: members.map((member) => member.id), incarnation, random };
    // A store may be ahead of a log whose tail was cut; what it has applied will be replicated here again.
    const commit = logIndex(Math.min(options.applied, recovered.lastIndex));
    const doubtful = recovered.cut !== undefined;
    this.#raft = createRaft(config, { hardState: recovered.hardState, log, commit, doubtful }, this.#now());
    this.#leadership = this.#currentLeadership();
    const hello: Hello = { cluster: options.cluster, role: "order", name: options.name, id, incarnation };
    this.#peers = new Peers(hello, members, {
      message: (message) => this.#step({ kind: "message", message }),
      connected: (peer) => options.onEvent({ kind: "peer-connected", peer }),
      lost: (peer) => options.onEvent({ kind: "peer-lost", peer }),
      gone: (peer) => this.#step({ kind: "peer-gone", peer }),
    });
    this.#ticker = setInterval(() => this.#step({ kind: "tick" }), tickMs);
    if (recovered.cut !== undefined) options.onEvent({ kind: "tail-cut", bytes: recovered.cut.bytes });
  }

  /** Throws `OperatingFailure("wrong-data")` if the directory is not this replica's whole and undamaged log. */
  static async open(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    try {
      return await EmbeddedLog.#open(options);
    } catch (error) {
      if (!(error instanceof WalDamaged)) throw error;
      // To try again would find the same damage: it is the operator's.
      throw new OperatingFailure("wrong-data", `In ${options.directory}: ${error.message}`, { cause: error });
    }
  }

  static async #open(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    const { cluster, id, directory } = options;
    const identity = { cluster, replica: id };
    const { wal, recovered } = await WriteAheadLog.open(directory, identity, {
      tailBytes: logLimits.tailBytes,
      onFatal: options.onFatal,
    });
    if (options.applied > recovered.lastIndex && recovered.cut === undefined) {
      await wal.close();
      throw new OperatingFailure(
        "wrong-data",
        `The log in ${directory} ends at entry ${recovered.lastIndex}, but entry ${options.applied} was applied ` +
          "from it: it is not the whole log. The others go on without this replica. Do not empty its directory; " +
          "restore it from a copy that was made since it last ran.",
      );
    }
    try {
      return new EmbeddedLog(options, wal, recovered, await nextIncarnation(directory));
    } catch (error) {
      await wal.close();
      throw error;
    }
  }

  /** Make an empty directory the log of a new replica. */
  static async format(directory: string, identity: { cluster: string; replica: ReplicaId }): Promise<void> {
    await WriteAheadLog.format(directory, identity);
  }

  get leadership(): Leadership {
    return this.#leadership;
  }

  get commitIndex(): LogIndex {
    return this.#raft.commit;
  }

  get lastIndex(): LogIndex {
    return this.#raft.log.lastIndex;
  }

  get role(): Raft["role"] {
    return this.#raft.role;
  }

  onLeadership(listener: (leadership: Leadership) => void): void {
    this.#onLeadership = listener;
  }

  /** Another replica's connection, after its hello. */
  accept(hello: Hello, connection: Connection): Acceptor {
    return this.#peers.accept(hello, connection);
  }

  append(payload: Uint8Array, fence: Term, token: number): void {
    assert(
      payload.length > 0 && payload.length <= logLimits.entryBytes,
      () => `a payload of ${payload.length} bytes`,
    );
    const raft = this.#raft;
    if (this.#closed || raft.term !== fence || !mayAppend(raft)) {
      throw notLeading();
    }
    if (this.#uncommittedBytes + payload.length > logLimits.uncommittedBytes) {
      throw new OperatingFailure("unavailable", "Too much waits to be committed.");
    }
    const index = logIndex(raft.log.lastIndex + 1);
    this.#appended.set(index, { term: raft.term, token, bytes: payload.length });
    this.#uncommittedBytes += payload.length;
    this.#step({ kind: "propose", payload });
  }

  barrier(): Promise<LogIndex> {
    if (this.#closed) return Promise.reject(notLeading());
    const { promise, resolve, reject } = Promise.withResolvers<LogIndex>();
    const id = ++this.#lastBarrier;
    this.#barriers.set(id, { resolve, reject });
    this.#step({ kind: "read", id });
    return promise;
  }

  async *committed(after: LogIndex): AsyncGenerator<readonly CommittedEntry[], void, undefined> {
    assert(!this.#reading, "a member has one reader at a time");
    this.#reading = true;
    try {
      let next = logIndex(after + 1);
      while (!this.#closed) {
        const { delivered, log } = this.#raft;
        if (next > delivered) {
          await this.#wakeReaders.promise;
          continue;
        }
        const inMemory = log.slice(next, deliverBytes);
        // What is delivered is durable and never truncated, so the disk may be read while the log goes on.
        const entries = inMemory ?? (await this.#wal.read(next, deliverBytes));
        const batch = entries.filter((entry) => entry.index <= delivered);
        if (batch.length === 0) continue;
        next = logIndex(next + batch.length);
        yield batch.map((entry) => this.#committedEntry(entry));
      }
    } finally {
      this.#reading = false;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticker);
    this.#peers.close();
    for (const barrier of this.#barriers.values()) barrier.reject(notLeading());
    this.#barriers.clear();
    this.#wakeReaders.resolve();
    await this.#wal.close();
  }

  #now(): number {
    return performance.now() - this.#clockOffset;
  }

  #committedEntry(entry: Entry): CommittedEntry {
    const appended = this.#appended.get(entry.index);
    const token = appended !== undefined && appended.term === entry.term ? appended.token : undefined;
    if (appended !== undefined) this.#forget(entry.index, appended);
    return { index: entry.index, payload: entry.payload, token };
  }

  #forget(index: LogIndex, appended: Appended): void {
    this.#appended.delete(index);
    this.#uncommittedBytes -= appended.bytes;
  }

  /** The core is not re-entrant, and nothing here calls out of an effect into code that may come back. */
  #step(input: Input): void {
    if (this.#closed) return;
    let leadershipChanged = false;
    for (const effect of step(this.#raft, this.#now(), input)) {
      if (effect.kind === "leadership") leadershipChanged = true;
      else this.#carryOut(effect);
    }
    if (leadershipChanged) this.#announceLeadership();
  }

  #carryOut(effect: Exclude<Effect, { kind: "leadership" }>): void {
    switch (effect.kind) {
      case "persist":
        this.#persist(effect);
        return;
      case "send":
        this.#peers.send(effect.message);
        return;
      case "deliver": {
        const readers = this.#wakeReaders;
        this.#wakeReaders = Promise.withResolvers();
        readers.resolve();
        return;
      }
      case "fetch":
        this.#fetch(effect.peer, effect.from);
        return;
      case "read-ready":
        for (const id of effect.ids) this.#takeBarrier(id).resolve(effect.index);
        return;
      case "read-refused":
        for (const id of effect.ids) this.#takeBarrier(id).reject(notLeading());
        return;
      case "settled":
        this.#wal.forgetCut().catch(this.#options.onFatal);
        return;
      case "truncated":
        this.#forgetFrom(effect.from);
        this.#options.onEvent({ kind: "suffix-truncated", from: effect.from, to: effect.to });
        return;
      case "noted":
        this.#options.onEvent(effect.event);
        return;
      default:
        unreachable(effect);
    }
  }

  #persist(effect: Extract<Effect, { kind: "persist" }>): void {
    const { ticket, hardState, entries } = effect;
    this.#wal.write(hardState === undefined ? { entries } : { hardState, entries }, () => {
      this.#persistedTicket = ticket;
      if (this.#persistedScheduled) return;
      // One group commit completes many writes; the core hears of the last, which speaks for all.
      this.#persistedScheduled = true;
      queueMicrotask(() => {
        this.#persistedScheduled = false;
        this.#step({ kind: "persisted", ticket: this.#persistedTicket });
      });
    });
  }

  #fetch(peer: ReplicaId, from: LogIndex): void {
    this.#wal
      .read(from, logLimits.appendBytes)
      .then((entries) => this.#step({ kind: "fetched", peer, from, entries }))
      .catch(this.#options.onFatal);
  }

  #takeBarrier(id: number): Barrier {
    const barrier = present(this.#barriers.get(id), `barrier ${id}`);
    this.#barriers.delete(id);
    return barrier;
  }

  #forgetFrom(index: LogIndex): void {
    for (const [at, appended] of this.#appended) if (at >= index) this.#forget(at, appended);
  }

  #currentLeadership(): Leadership {
    const raft = this.#raft;
    return { term: raft.term, leader: raft.leader, leading: mayAppend(raft) };
  }

  #announceLeadership(): void {
    const { role, term, leader } = this.#raft;
    this.#options.onEvent({ kind: "role-changed", role, term, leader });
    const before = this.#leadership;
    const now = this.#currentLeadership();
    if (before.term === now.term && before.leader === now.leader && before.leading === now.leading) return;
    this.#leadership = now;
    this.#onLeadership(now);
  }
}

function notLeading(): OperatingFailure {
  return new OperatingFailure("not-leader", "This replica does not lead, or no longer.");
}
