/**
 * The replicated log of our own: the Raft core, driven by a write-ahead log, connections to the peers, and a clock.
 *
 * This shell decides nothing. It turns what happens into inputs of the core, carries out the effects in order, and
 * hands out what is committed. Writing, sending and applying overlap: an entry is on its way to the followers while
 * the leader's own disk still writes it, and the next entry is formed while both are under way.
 */
import { assert, present, unreachable } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { leaseTimes, logLimits } from "../../base/limits.ts";
import type { Random } from "../../base/random.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term } from "../../base/units.ts";
import { type ChangeRefusal, changeRefusal } from "../../raft/changes.ts";
import type { Effect, Input, RaftEvent } from "../../raft/effect.ts";
import { type LogBase, LogView } from "../../raft/log-view.ts";
import { founders, type Membership } from "../../raft/membership.ts";
import type { Entry, Message } from "../../raft/message.ts";
import { createRaft, majorityHasRoom, mayAppend, type Raft } from "../../raft/raft.ts";
import { step } from "../../raft/step.ts";
import type { Connection } from "../../wire/connection.ts";
import type { Hello } from "../../wire/hello.ts";
import type { Acceptor } from "../../wire/listener.ts";
import type { CommittedEntry, Leadership, Leases, ReplicatedLog } from "../port.ts";
import { clearBehind, markBehind } from "./behind.ts";
import { Durability } from "./durability.ts";
import { countFrom, LifeOutlived } from "./incarnation.ts";
import { OwnEntries } from "./own-entries.ts";
import { addressText, type Member, Peers, reachable } from "./peers.ts";
import { type Started, startLog } from "./start.ts";
import { untilRoom } from "./until-room.ts";
import { WriteAheadLog } from "./wal/write-ahead-log.ts";

/** The core's clock is looked at this often; its times are multiples of tens of milliseconds. */
const tickMs = 10;
/** A reader that is so far behind makes its member unfit to lead, until it is close again. */
const lagEntries = { most: 1_000, again: 100 } as const;
/** One batch of `committed`. */
const deliverBytes = 1024 * 1024;

export interface EmbeddedLogOptions {
  readonly cluster: string;
  readonly name: string;
  readonly id: ReplicaId;
  /** Every replica that is known to run, this one included: where each is now. Who of them are members the log says. */
  readonly members: readonly Member[];
  readonly directory: string;
  /** The last entry that the reader's state includes, durably: it was committed, whatever this log's end says. */
  readonly applied: LogBase;
  /** Whether that state is whole; if not, one must be copied before this member can lead (`behind`). */
  readonly stateful: boolean;
  /** At least so many bytes of the log are kept behind what `compact` is told. */
  readonly keptBytes: number;
  readonly segmentBytes: number;
  readonly random: Random;
  /** A failed write or sync: this process must end. */
  readonly onFatal: (error: unknown) => void;
  readonly onEvent: (event: EmbeddedEvent) => void;
}

export type EmbeddedEvent =
  | RaftEvent
  | { readonly kind: "suffix-truncated"; readonly from: LogIndex; readonly to: LogIndex }
  | { readonly kind: "tail-cut"; readonly bytes: number }
  /** The log was lost or damaged: what was left is set aside, and this member counts in no majority until `recovered`. */
  | { readonly kind: "log-lost"; readonly reason: string; readonly setAside: string | undefined }
  | { readonly kind: "recovered" }
  | { readonly kind: "compacted"; readonly through: LogIndex }
  /** The disk has no room for entries, or has again. */
  | { readonly kind: "room"; readonly room: boolean }
  /** Who the members are by this member's log, committed or not. */
  | { readonly kind: "members-changed"; readonly members: Membership | undefined }
  | { readonly kind: "peer-connected"; readonly peer: ReplicaId }
  | { readonly kind: "peer-lost"; readonly peer: ReplicaId }
  | {
      readonly kind: "role-changed";
      readonly role: Raft["role"];
      readonly term: Term;
      readonly leader: ReplicaId | undefined;
    };

/** What `changeMembers` is asked for. A learner is promoted by its leader once it is close behind. */
export type MemberChange =
  | ({ readonly kind: "add" } & Member)
  | { readonly kind: "remove"; readonly id: ReplicaId };

/** What a reader sees of the group's own entries. */
const nothing = new Uint8Array(0);

interface Barrier {
  readonly resolve: (index: LogIndex) => void;
  readonly reject: (error: OperatingFailure) => void;
}

export class EmbeddedLog implements ReplicatedLog {
  readonly #options: EmbeddedLogOptions;
  readonly #wal: WriteAheadLog;
  readonly #raft: Raft;
  readonly #peers: Peers;
  #known: readonly Member[];
  readonly #ticker: NodeJS.Timeout;
  readonly #clockOffset = performance.now();

  readonly #durability: Durability;
  readonly #own = new OwnEntries();
  readonly #barriers = new Map<number, Barrier>();
  #lastBarrier = 0;

  #leadership: Leadership;
  #onLeadership: (leadership: Leadership) => void = () => {};
  #onRecall: () => void = () => {};
  #told: Extract<EmbeddedEvent, { kind: "role-changed" }> | undefined;
  /** What the step under way granted. */
  #grantedMs: number | undefined;
  #behind: LogIndex | undefined;
  #fallingBehind: Promise<boolean> | undefined;
  #oncePersisted: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  #resetting: Promise<void> = Promise.resolve();
  #outlived: Promise<void> | undefined;
  #compacting = false;
  /** Readers that wait for more to be delivered. */
  #wakeReaders: PromiseWithResolvers<void> = Promise.withResolvers();
  /** The reader's next entry, and whether it is close enough behind what is delivered for this member to lead. */
  #next: LogIndex;
  #keepsUp: boolean;
  /** The reader's disk has room. */
  #readerRoom = true;
  /** What a leader sent did not fit into what is left of the reserve. */
  #exhausted = false;
  #closed = false;
  #reading = false;

  private constructor(options: EmbeddedLogOptions, { wal, recovered, incarnation }: Started) {
    this.#options = options;
    this.#wal = wal;
    const { id, members, random } = options;
    const { base, terms, memberships, lastIndex, tail, hardState, recovering } = recovered;
    const log = new LogView(base, terms, memberships, lastIndex, tail, logLimits.tailBytes);
    const { leaseMs } = leaseTimes;
    const config = { id, known: members.map((member) => member.id), incarnation, random, leaseMs };
    // A store may be ahead of a log whose tail was cut; what it has applied will be replicated here again.
    const commit = logIndex(Math.min(options.applied.index, lastIndex));
    const doubtful = recovered.cut !== undefined;
    const stateful = options.stateful && options.applied.index >= base.index;
    this.#next = logIndex(options.applied.index + 1);
    this.#keepsUp = stateful;
    this.#durability = new Durability(wal, hardState, options.directory, {
      persisted: (ticket) => {
        this.#step({ kind: "persisted", ticket });
        this.#oncePersisted.resolve();
        this.#oncePersisted = Promise.withResolvers();
      },
      fatal: options.onFatal,
    });
    const restored = { hardState, log, commit, doubtful, recovering, stateful };
    this.#raft = createRaft(config, restored, this.#now());
    this.#leadership = this.#currentLeadership();
    const hello: Hello = { cluster: options.cluster, role: "order", name: options.name, id, incarnation };
    this.#known = members;
    this.#peers = new Peers(hello, reachable(members, log.members ?? []), {
      message: (message) => this.#receive(message),
      connected: (peer) => options.onEvent({ kind: "peer-connected", peer }),
      lost: (peer) => options.onEvent({ kind: "peer-lost", peer }),
      gone: (peer) => this.#step({ kind: "peer-gone", peer }),
    });
    this.#ticker = setInterval(() => this.#tick(), tickMs);
    if (recovered.cut !== undefined) options.onEvent({ kind: "tail-cut", bytes: recovered.cut.bytes });
  }

  /**
   * Throws `OperatingFailure("wrong-data")` if the directory is another replica's, or its log is lost and this replica
   * has no peers. A lost or damaged log of one that has is set aside, and the replica recovers.
   */
  static async open(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    let noteRoom = (room: boolean): void => options.onEvent({ kind: "room", room });
    const started = await startLog({
      ...options,
      alone: options.members.length === 1,
      copying: !options.stateful,
      onRoom: (room) => noteRoom(room),
    });
    const log = new EmbeddedLog(options, started);
    noteRoom = (room) => {
      log.#noteRoom();
      options.onEvent({ kind: "room", room });
    };
    log.#noteRoom();
    if (started.lost !== undefined) options.onEvent({ kind: "log-lost", ...started.lost });
    return log;
  }

  /**
   * Make an empty directory the log of a new replica: of one of the `founders` of a group, or, without them, of one that
   * joins it and learns from its leader who the members are. An id is never given to a second directory.
   */
  static async format(
    directory: string,
    identity: { readonly cluster: string; readonly replica: ReplicaId },
    options: { readonly segmentBytes?: number; readonly founders?: readonly ReplicaId[] } = {},
  ): Promise<void> {
    const { founders: ids, ...rest } = options;
    await WriteAheadLog.format(directory, identity, {
      ...rest,
      ...(ids !== undefined && { members: founders(ids) }),
    });
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

  /** Which of this member's lives this is. */
  get incarnation(): number {
    return this.#raft.config.incarnation;
  }

  /** What a member that counts in no majority waits for. */
  get recovering(): "every other member's answer" | "the log up to its barrier" | undefined {
    const { recovery } = this.#raft;
    if (recovery === undefined) return undefined;
    return recovery.barrier === undefined ? "every other member's answer" : "the log up to its barrier";
  }

  /** Whether the log's end was cut off, and with it perhaps what was acknowledged, and it has not caught up since. */
  get inDoubt(): boolean {
    return this.#raft.doubtful;
  }

  /** Whether there is room for entries, here and where the reader puts what they say. */
  get room(): boolean {
    return this.#wal.room && this.#readerRoom;
  }

  /** The reader's disk is full, or has room again: without it this member should not lead, and takes entries only as far as its reserve lasts. */
  noteReaderRoom(room: boolean): void {
    this.#readerRoom = room;
    this.#noteRoom();
  }

  /** Who the members are by this member's log, committed or not; `undefined`: it does not know. */
  get members(): Membership | undefined {
    return this.#raft.log.members;
  }

  /** Whether that is committed. */
  get membersCommitted(): boolean {
    return this.#raft.log.membersFrom <= this.#raft.commit;
  }

  /** Where replicas are now: whoever is known to run. */
  noteAddresses(members: readonly Member[]): void {
    this.#known = members;
    this.#redial();
  }

  /** Begin a change, if this member leads and nothing speaks against it; otherwise says what does. */
  changeMembers(change: MemberChange): ChangeRefusal | undefined {
    const { kind, id } = change;
    const whole = kind === "add" ? { kind, id, address: addressText(change) } : { kind, id };
    if (this.#closed) return "not-leading";
    const refusal = changeRefusal(this.#raft, whole);
    // Also what is refused may have a consequence: a leader that is to go hands over.
    this.#step({ kind: "change-membership", change: whole });
    return refusal;
  }

  get behind(): LogIndex | undefined {
    return this.#behind;
  }

  readonly leases: Leases = {
    grant: (holder, fresh) => {
      this.#grantedMs = undefined;
      this.#step({ kind: "lease", holder, fresh });
      return this.#grantedMs;
    },
    acknowledge: (holder, through) => this.#step({ kind: "lease-acknowledged", holder, through }),
    end: (holder) => this.#step({ kind: "lease-ended", holder }),
    onRecall: (listener) => {
      this.#onRecall = listener;
    },
  };

  onLeadership(listener: (leadership: Leadership) => void): void {
    this.#onLeadership = listener;
  }

  /** Another replica's connection, after its hello. */
  accept(hello: Hello, connection: Connection): Acceptor {
    return this.#peers.accept(hello, connection);
  }

  append(payload: Uint8Array, fence: Term, token: number): LogIndex {
    assert(
      payload.length > 0 && payload.length <= logLimits.entryBytes,
      () => `a payload of ${payload.length} bytes`,
    );
    const raft = this.#raft;
    if (this.#closed || raft.term !== fence || !mayAppend(raft)) {
      throw notLeading();
    }
    if (!this.room || !majorityHasRoom(raft))
      throw new OperatingFailure("unavailable", "The disks of a majority, or the leader's own, are full.");
    if (this.#own.bytes + payload.length > logLimits.uncommittedBytes) {
      throw new OperatingFailure("unavailable", "Too much waits to be committed.");
    }
    const index = logIndex(raft.log.lastIndex + 1);
    this.#own.add(index, { term: raft.term, token, bytes: payload.length });
    this.#step({ kind: "propose", payload });
    return index;
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
      this.#next = next;
      while (!this.#closed && this.#behind === undefined) {
        const { delivered, log } = this.#raft;
        if (next <= log.base.index) {
          await this.#fallBehind(log.base.index);
          continue;
        }
        if (next > delivered) {
          await this.#wakeReaders.promise;
          continue;
        }
        const inMemory = log.slice(next, deliverBytes);
        // What is delivered is durable and never truncated, so the disk may be read while the log goes on; and it is
        // not compacted before it was read.
        const entries = inMemory ?? present(await this.#wal.read(next, deliverBytes), `entry ${next}`);
        const batch = entries.filter((entry) => entry.index <= delivered);
        if (batch.length === 0) continue;
        next = logIndex(next + batch.length);
        this.#next = next;
        yield batch.map((entry) => this.#committedEntry(entry));
      }
    } finally {
      this.#reading = false;
    }
  }

  async restore(index: LogIndex, term: Term): Promise<void> {
    await this.#fallingBehind;
    this.#step({ kind: "restored", base: { index, term } });
    this.#next = logIndex(index + 1);
    await Promise.race([this.#resetting, this.#ended.promise]);
    // Until the log holds it durably, a crash would leave a state that is ahead of it.
    while (this.#raft.durable < index && !this.#closed) await this.#oncePersisted.promise;
    if (await this.#untilRoom(() => clearBehind(this.#options.directory))) this.#behind = undefined;
  }

  compact(through: LogIndex): void {
    if (this.#compacting || this.#closed) return;
    this.#compacting = true;
    this.#wal
      .compact(through)
      .then((base) => {
        this.#compacting = false;
        // The log may have been begun anew behind it meanwhile.
        if (base === undefined || this.#closed || this.#raft.log.termAt(base.index) === undefined) return;
        this.#step({ kind: "compacted", base });
        this.#options.onEvent({ kind: "compacted", through: base.index });
      })
      .catch(this.#options.onFatal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticker);
    this.#peers.close();
    for (const barrier of this.#barriers.values()) barrier.reject(notLeading());
    this.#barriers.clear();
    this.#wakeReaders.resolve();
    this.#oncePersisted.resolve();
    this.#ended.resolve();
    await this.#durability.close();
    await this.#wal.close();
  }

  #now(): number {
    return performance.now() - this.#clockOffset;
  }

  #committedEntry(entry: Entry): CommittedEntry {
    const { index, term, kind } = entry;
    const payload = kind === "command" ? entry.payload : nothing;
    return { index, term, payload, token: this.#own.take(entry) };
  }

  /** A member that is far from having applied what it holds would keep everybody waiting if it led. */
  #tick(): void {
    const behindBy = this.#raft.delivered + 1 - this.#next;
    const keepsUp =
      this.#behind === undefined && behindBy < (this.#keepsUp ? lagEntries.most : lagEntries.again);
    if (keepsUp !== this.#keepsUp) {
      this.#keepsUp = keepsUp;
      this.#step({ kind: "state", present: keepsUp });
    }
    this.#step({ kind: "tick" });
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
        this.#durability.persist(effect);
        return;
      case "send":
        this.#peers.send(effect.message);
        return;
      case "deliver":
        this.#wake();
        return;
      case "fetch":
        this.#fetch(effect.peer, effect.from);
        return;
      case "reset":
        this.#resetting = this.#durability.reset(effect);
        this.#resetting.catch(this.#options.onFatal);
        return;
      case "behind":
        this.#fallBehind(effect.through).catch(this.#options.onFatal);
        return;
      case "lease-granted":
        this.#grantedMs = effect.remainingMs;
        return;
      case "lease-refused":
        return;
      case "leases-recalled":
        this.#onRecall();
        return;
      case "outlived":
        this.#outlived ??= this.#beginLaterLife(effect.known);
        return;
      case "recovered":
        this.#untilRoom(() => this.#wal.forgetRecovering())
          .then((forgotten) => {
            if (forgotten) this.#options.onEvent({ kind: "recovered" });
          })
          .catch(this.#options.onFatal);
        return;
      case "read-ready":
        for (const id of effect.ids) this.#takeBarrier(id).resolve(effect.index);
        return;
      case "read-refused":
        for (const id of effect.ids) this.#takeBarrier(id).reject(notLeading());
        return;
      case "settled":
        this.#untilRoom(() => this.#wal.forgetCut()).catch(this.#options.onFatal);
        return;
      case "truncated":
        this.#own.forgetFrom(effect.from);
        this.#options.onEvent({ kind: "suffix-truncated", from: effect.from, to: effect.to });
        return;
      case "membership":
        this.#redial();
        this.#options.onEvent({ kind: "members-changed", members: effect.members });
        return;
      case "noted":
        this.#options.onEvent(effect.event);
        return;
      default:
        unreachable(effect);
    }
  }

  #redial(): void {
    this.#peers.update(reachable(this.#known, this.#raft.log.members ?? []));
  }

  /** This life ends; the next one is later than any that the peers know. */
  async #beginLaterLife(known: number): Promise<void> {
    const { directory, onFatal } = this.#options;
    try {
      if (await this.#untilRoom(() => countFrom(directory, known)))
        throw new LifeOutlived(this.incarnation, known);
    } catch (error) {
      onFatal(error);
    }
  }

  #noteRoom(): void {
    if (this.#wal.room) this.#exhausted = false;
    const room = this.room ? "open" : this.#exhausted ? "none" : "reserve";
    if (room !== this.#raft.room) this.#step({ kind: "room", room });
  }

  /** Without room entries are taken as long as the reserve lasts: they may be what leads out of it. */
  #receive(message: Message): void {
    if (message.kind === "append" && !this.#wal.room && !this.#exhausted) {
      let bytes = 0;
      for (const { payload } of message.entries) bytes += payload.length + logLimits.entryOverheadBytes;
      this.#exhausted = bytes > 0 && !this.#wal.fits(bytes);
      this.#noteRoom();
    }
    this.#step({ kind: "message", message });
  }

  /** The reader is told once that is on record. */
  async #fallBehind(through: LogIndex): Promise<void> {
    if (this.#behind !== undefined) return;
    this.#fallingBehind ??= this.#untilRoom(() => markBehind(this.#options.directory, through));
    const marked = await this.#fallingBehind;
    this.#fallingBehind = undefined;
    if (marked) this.#behind ??= through;
    this.#wake();
  }

  /** As long as the log is open; afterwards what waits for room is given up, and the answer is false. */
  async #untilRoom(run: () => Promise<void>): Promise<boolean> {
    return await untilRoom(run, { ended: this.#ended.promise });
  }

  #wake(): void {
    const readers = this.#wakeReaders;
    this.#wakeReaders = Promise.withResolvers();
    readers.resolve();
  }

  #fetch(peer: ReplicaId, from: LogIndex): void {
    this.#wal
      .read(from, logLimits.appendBytes)
      // What was compacted meanwhile is nowhere in the log: the core finds out for itself.
      .then((entries = []) => this.#step({ kind: "fetched", peer, from, entries }))
      .catch(this.#options.onFatal);
  }

  #takeBarrier(id: number): Barrier {
    const barrier = present(this.#barriers.get(id), `barrier ${id}`);
    this.#barriers.delete(id);
    return barrier;
  }

  #currentLeadership(): Leadership {
    const raft = this.#raft;
    return { term: raft.term, leader: raft.leader, leading: mayAppend(raft) };
  }

  #announceLeadership(): void {
    const { role, term, leader } = this.#raft;
    const told = this.#told;
    if (told?.role !== role || told.term !== term || told.leader !== leader) {
      this.#told = { kind: "role-changed", role, term, leader };
      this.#options.onEvent(this.#told);
    }
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
