/**
 * Reads under a lease: the lease, the cache and the readers that wait, put together. It decides and has no socket,
 * timer or clock, so a simulator can run it as it is: frames come in as calls, what is to be done goes out to the host.
 *
 * Why an answer from here is linearizable. Let a read begin, and a reading of the clock *after* that find the lease
 * live. Then the leader has committed nothing that this holder has not acknowledged, and an acknowledgement was sent
 * only after the cache had dropped what the entry touches: **invalidate, then acknowledge**. The other way round there
 * would be a moment in which the entry may be committed, and its order confirmed to a client, while the old value is
 * still answered here. (One turn of the event loop does both, so that nobody can look in between; the order matters
 * all the same, because what fails in between must not have acknowledged.) So whatever is still in the cache at that
 * reading is the newest that anyone has been told of, and for whatever is not there any state at or above its floor
 * is new enough, however long the answer takes and whatever becomes of the lease meanwhile.
 *
 * When a session ends, everything is dropped, and who waits is handed back to be read for without a lease, whomever his
 * question was put to: what the old leader had appended and not committed may be lost with it, and who waits for its
 * position may wait for ever.
 */
import type { Position } from "../base/units.ts";
import type { ItemRow } from "../market/rows.ts";
import type { Acknowledgement, Invalidation, LeaseGrant, LeaseRequest } from "../wire/lease.ts";
import { type Content, ReplyCache, type Slot, type Spell, type Wanted, wantedOf } from "./cache.ts";
import { Lease, type LeaseChange, type LeaseLeader } from "./lease.ts";
import { cacheLimits } from "./limits.ts";
import { type Ask, ParkedReaders } from "./parked.ts";

/** A question for a catalog, or for any replica: what `wanted` is at a state at or beyond `floor`. */
export interface Asking {
  readonly wanted: Wanted;
  readonly floor: Position;
  readonly deadlineMs: number;
  /** Of the cache, when it was asked. */
  readonly session: number;
  /** For whom: one reader, or all that are parked for the subject. */
  readonly who:
    | { readonly kind: "one"; readonly answered: (content: Content | undefined, source: Source) => void }
    | { readonly kind: "parked"; readonly ask: Ask };
}

/** Who brought an answer: an order replica (the leader pushed it, or one was asked), or a catalog. */
export type Source = "order" | "catalog";

export interface LeasedReadsHost<Reader> {
  sendRequest(link: number, request: LeaseRequest): void;
  sendAcknowledgement(link: number, acknowledgement: Acknowledgement): void;
  sendEnd(link: number, session: number): void;
  /** `answered` is called with the answer, exactly once. */
  ask(asking: Asking): void;
  show(reader: Reader, content: Content, source: Source): void;
  /** There was no answer by the deadline. */
  fail(reader: Reader): void;
  /** The lease under which it waited is over: it is to be read for without one. */
  unleased(reader: Reader): void;
  /** A session is over, and everything that was kept is dropped. */
  ended(session: number): void;
}

export interface LeasedReadsOptions {
  /** Replies that may be kept; 0: none, and no lease is wanted. */
  readonly entries: number;
  readonly spell: Spell;
}

export class LeasedReads<Ready, Reader> {
  readonly #host: LeasedReadsHost<Reader>;
  readonly #wanted: boolean;
  readonly #lease = new Lease();
  readonly #cache: ReplyCache<Ready>;
  readonly #parked = new ParkedReaders<Reader>();
  /** What hands those back who asked for themselves. No more than there may be inquiries. */
  readonly #alone = new Set<() => void>();

  constructor({ entries, spell }: LeasedReadsOptions, host: LeasedReadsHost<Reader>) {
    this.#host = host;
    this.#wanted = entries > 0;
    this.#cache = new ReplyCache(entries, spell);
  }

  get entries(): number {
    return this.#cache.entries;
  }

  get evictions(): number {
    return this.#cache.evictions;
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** Whether a read that began before this reading of the clock may be answered by what is said here. */
  holds(nowMs: number): boolean {
    return this.#lease.holds(nowMs);
  }

  /** Under a live lease: a state at or beyond it shows everything that anyone has been told of. */
  get acknowledged(): Position {
    return this.#cache.acknowledged;
  }

  /** The slot of an exact spelling, which may be empty; only to be answered from if `holds`. */
  spelled(spelling: string): Slot<Ready> | undefined {
    return this.#cache.spelled(spelling);
  }

  /** A slot was answered from. */
  touch(slot: Slot<Ready>): void {
    this.#cache.touch(slot);
  }

  /**
   * The caller has seen that `holds(nowMs)`. Returns the slot if the answer is there; otherwise the reader is kept, and
   * exactly one of the host's `show`, `fail` and `unleased` will be called for it.
   */
  read(wanted: Wanted, reader: Reader, deadlineMs: number, nowMs: number): Slot<Ready> | undefined {
    const subject = this.#cache.subjectOf(wanted);
    const slot = subject === undefined ? undefined : this.#cache.find(subject);
    if (slot !== undefined) {
      this.#cache.touch(slot);
      return slot;
    }
    const floor = this.#cache.floorOf(subject);
    if (subject === undefined || this.#parked.full) {
      this.#askAlone(wanted, floor, reader, deadlineMs);
      return undefined;
    }
    const patience = this.#cache.awaitsChange(subject) ? nowMs + cacheLimits.pushPatienceMs : undefined;
    const ask = this.#parked.park(subject, reader, floor, deadlineMs, patience);
    if (ask !== undefined) this.#ask(ask);
    return undefined;
  }

  /**
   * For a question that is put at `acknowledged` past this cache; the caller has seen that `holds`. What it returns is to
   * be called with the answer, once: it is `answered`, unless the session ended before. Then `unleased` was called.
   */
  whileHeld<Answer extends unknown[]>(
    answered: (...answer: Answer) => void,
    unleased: () => void,
  ): (...answer: Answer) => void {
    const handBack = (): void => unleased();
    this.#alone.add(handBack);
    return (...answer) => {
      if (this.#alone.delete(handBack)) answered(...answer);
    };
  }

  #askAlone(wanted: Wanted, floor: Position, reader: Reader, deadlineMs: number): void {
    const answered = this.whileHeld(
      (content: Content | undefined, source: Source) => {
        if (content === undefined) this.#host.fail(reader);
        else this.#host.show(reader, content, source);
      },
      () => this.#host.unleased(reader),
    );
    const { session } = this.#cache;
    this.#host.ask({ wanted, floor, deadlineMs, session, who: { kind: "one", answered } });
  }

  #ask(ask: Ask): void {
    const { subject, floor, deadlineMs } = ask;
    const { session } = this.#cache;
    this.#host.ask({ wanted: wantedOf(subject), floor, deadlineMs, session, who: { kind: "parked", ask } });
  }

  /** `content`: undefined if the deadline passed, or what came could not be read. */
  answered(
    nowMs: number,
    { wanted, session, who }: Asking,
    content: Content | undefined,
    source: Source,
  ): void {
    if (content !== undefined) {
      const subject = wanted.kind === "page" ? (wanted.topic ?? "") : content.rows[0]?.id;
      if (subject !== undefined) this.#cache.fill(session, subject, content);
    }
    if (who.kind === "one") {
      who.answered(content, source);
      return;
    }
    // Who waited in a session that is over was handed back, and the question is nobody's.
    if (session !== this.#cache.session) return;
    if (content !== undefined) this.#show(who.ask.subject, content, source);
    const { failed, ask } = this.#parked.settle(who.ask, nowMs, content !== undefined);
    for (const reader of failed) this.#host.fail(reader);
    if (ask !== undefined) this.#ask(ask);
  }

  #show(subject: Ask["subject"], content: Content, source: Source): void {
    for (const reader of this.#parked.release(subject, content.position))
      this.#host.show(reader, content, source);
  }

  leaderChanged(leader: LeaseLeader | undefined): void {
    this.#carryOut(this.#lease.leaderChanged(leader));
  }

  granted(nowMs: number, link: number, grant: LeaseGrant): void {
    this.#carryOut(this.#lease.granted(nowMs, link, grant));
  }

  recalled(nowMs: number, link: number, session: number): void {
    this.#carryOut(this.#lease.recalled(nowMs, link, session));
    this.#host.sendEnd(link, session);
  }

  /** What is not of the session that is held is of one that is over, and nobody waits for its acknowledgement. */
  invalidated(nowMs: number, link: number, { index, position, touched }: Invalidation): void {
    this.#carryOut(this.#lease.lapse(nowMs));
    const session = this.#lease.sessionOf(link);
    if (session === undefined) return;
    this.#cache.invalidate(position, touched);
    this.#host.sendAcknowledgement(link, { session, index });
  }

  /** The leader applied an entry that changed these items. */
  changed(nowMs: number, link: number, at: Position, rows: readonly ItemRow[]): void {
    this.#carryOut(this.#lease.lapse(nowMs));
    if (this.#lease.sessionOf(link) === undefined) return;
    this.#cache.changed(at, rows);
    if (this.#parked.size === 0) return;
    for (const row of rows) this.#show(row.id, { position: at, rows: [row], more: false }, "order");
    for (const ask of this.#parked.changedThrough(at)) this.#ask(ask);
  }

  /** To be called every few milliseconds. */
  tick(nowMs: number): void {
    this.#carryOut(this.#lease.lapse(nowMs));
    for (const ask of this.#parked.due(nowMs)) this.#ask(ask);
    if (!this.#wanted) return;
    const due = this.#lease.request(nowMs);
    if (due !== undefined) this.#host.sendRequest(due.link, due.request);
  }

  /** Give the lease up, for good. */
  stop(): void {
    this.#carryOut(this.#lease.stop());
  }

  #carryOut(changes: readonly LeaseChange[]): void {
    for (const change of changes) {
      if (change.kind === "began") {
        this.#cache.begin(change.start);
        continue;
      }
      this.#cache.clear();
      const readers = this.#parked.clear();
      if (change.tell) this.#host.sendEnd(change.link, change.session);
      this.#host.ended(change.session);
      for (const reader of readers) this.#host.unleased(reader);
      const alone = [...this.#alone];
      this.#alone.clear();
      for (const handBack of alone) handBack();
    }
  }
}
