/**
 * A leader, catalogs and their connections to one `LeasedReads`, in virtual time and in memory, for its properties: the
 * frames of each direction wait in a queue until a step delivers one. The leader keeps the rules of its side: what is
 * appended is invalidated at once, and committed when every lease has acknowledged it or has ended by time.
 */
import assert from "node:assert/strict";
import { leaseTimes } from "../base/limits.ts";
import { itemId, logIndex, position, term } from "../base/units.ts";
import type { ItemRow } from "../market/rows.ts";
import type { Touched } from "../wire/lease.ts";
import type { Content, Wanted } from "./cache.ts";
import { type Asking, LeasedReads } from "./leased-reads.ts";

export const ids = [1, 2, 3, 4];

interface Entry {
  readonly index: number;
  readonly at: number;
  readonly changed: readonly number[];
}

interface Holder {
  readonly session: number;
  acknowledged: number;
  untilMs: number;
}

/** A read, with what anyone had been told of when it began: the position of each item's last committed change. */
export interface Read {
  readonly wanted: Wanted;
  readonly told: ReadonlyMap<number, number>;
  answered: "no" | "shown" | "failed" | "unleased";
}

export class LeaseWorld {
  readonly reads: LeasedReads<string, Read>;
  readonly shown: Read[] = [];
  readonly #begun: Read[] = [];
  nowMs = 0;
  #term = 1;
  #link = 1;
  #sessions = 0;
  #holder: Holder | undefined;
  /** Of holders whose connection is gone. */
  #outlivedMs = 0;
  #entries: Entry[] = [];
  #committed = 0;
  #toHolder: (() => void)[] = [];
  #toLeader: (() => void)[] = [];
  #asked: Asking[] = [];

  constructor(entries: number) {
    this.reads = new LeasedReads<string, Read>(
      { entries, spell: (subject) => [String(subject)] },
      {
        sendRequest: (link, { request, session }) =>
          this.#fromHolder(link, () => this.#requested(request, session)),
        sendAcknowledgement: (link, { session, index }) =>
          this.#fromHolder(link, () => {
            if (this.#holder?.session === session) this.#holder.acknowledged = index;
          }),
        sendEnd: (link, session) =>
          this.#fromHolder(link, () => {
            if (this.#holder?.session === session) this.#holder = undefined;
          }),
        ask: (asking) => this.#asked.push(asking),
        show: (read, content) => this.#show(read, content),
        fail: (read) => this.#end(read, "failed"),
        unleased: (read) => this.#end(read, "unleased"),
        ended: () => {},
      },
    );
    this.reads.leaderChanged({ link: this.#link, term: this.#term });
  }

  get committedAt(): number {
    return this.#entries[this.#committed - 1]?.at ?? 0;
  }

  #fromHolder(link: number, arrive: () => void): void {
    if (link === this.#link) this.#toLeader.push(arrive);
  }

  /** `link` is read when the frame is sent. */
  #tell(deliver: (link: number) => void): void {
    const link = this.#link;
    this.#toHolder.push(() => deliver(link));
  }

  #requested(request: number, session: number): void {
    const agedMs = this.nowMs % leaseTimes.renewEveryMs;
    const remainingMs = leaseTimes.leaseMs - agedMs;
    if (this.#holder?.session !== session || this.#holder.untilMs <= this.nowMs) {
      if (this.#holder !== undefined) this.#outlivedMs = Math.max(this.#outlivedMs, this.#holder.untilMs);
      this.#holder = { session: ++this.#sessions, acknowledged: this.#entries.length, untilMs: 0 };
    }
    const holder = this.#holder;
    holder.untilMs = this.nowMs + remainingMs * leaseTimes.driftMargin;
    const start = position(this.#entries.at(-1)?.at ?? 0);
    const grant = { request, term: term(this.#term), session: holder.session, remainingMs, start };
    this.#tell((link) => this.reads.granted(this.nowMs, link, grant));
  }

  append(touched: Touched, changed: readonly number[]): void {
    const index = this.#entries.length + 1;
    const at = (this.#entries.at(-1)?.at ?? 0) + 2;
    this.#entries.push({ index, at, changed });
    if (this.#holder === undefined) return;
    const invalidation = { index: logIndex(index), position: position(at), touched };
    this.#tell((link) => this.reads.invalidated(this.nowMs, link, invalidation));
  }

  /** Commits the next entry if that is allowed now. */
  commit(): void {
    const entry = this.#entries[this.#committed];
    if (entry === undefined || this.nowMs < this.#outlivedMs) return;
    const holder = this.#holder;
    if (holder !== undefined && holder.acknowledged < entry.index && this.nowMs < holder.untilMs) return;
    this.#committed++;
    const rows = entry.changed.map((id) => this.rowAt(id, entry.at));
    if (holder !== undefined)
      this.#tell((link) => this.reads.changed(this.nowMs, link, position(entry.at), rows));
  }

  deliver(toHolder: boolean): void {
    (toHolder ? this.#toHolder : this.#toLeader).shift()?.();
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  tick(): void {
    this.reads.tick(this.nowMs);
  }

  /** Another replica leads, and part of what was not committed is lost; or the same one over another connection. */
  lead(anew: boolean, lost: number): void {
    this.#link++;
    this.#toHolder = [];
    this.#toLeader = [];
    if (this.#holder !== undefined) this.#outlivedMs = Math.max(this.#outlivedMs, this.#holder.untilMs);
    this.#holder = undefined;
    if (anew) {
      this.#term++;
      // Each leader counts its own sessions.
      this.#sessions = 0;
      this.#entries = this.#entries.slice(0, Math.max(this.#committed, this.#entries.length - lost));
      this.#outlivedMs = Math.max(this.#outlivedMs, this.nowMs + leaseTimes.leaseMs * leaseTimes.driftMargin);
    }
    this.reads.leaderChanged({ link: this.#link, term: this.#term });
  }

  recall(): void {
    const session = this.#holder?.session;
    if (session !== undefined) this.#tell((link) => this.reads.recalled(this.nowMs, link, session));
  }

  read(wanted: Wanted): Read | undefined {
    if (!this.reads.holds(this.nowMs)) return undefined;
    const told = new Map(ids.map((id) => [id, this.#changedAt(id, this.committedAt)]));
    const read: Read = { wanted, told, answered: "no" };
    this.#begun.push(read);
    const slot = this.reads.read(wanted, read, this.nowMs + 3_000, this.nowMs);
    if (slot !== undefined) {
      assert.ok(slot.content !== undefined);
      this.#show(read, slot.content);
    }
    return read;
  }

  /** A catalog that is `behind` by so many committed entries answers a question, if it may. */
  answer(pick: number, behind: number, fails: boolean): void {
    const asking = this.#asked[pick % Math.max(1, this.#asked.length)];
    if (asking === undefined) return;
    const at = this.#entries[this.#committed - 1 - behind]?.at ?? 0;
    if (!fails && at < asking.floor) return;
    this.#asked = this.#asked.filter((one) => one !== asking);
    const content = fails ? undefined : this.contentAt(asking.wanted, at);
    this.reads.answered(this.nowMs, asking, content, "catalog");
  }

  /** Reads that were neither answered nor handed back. */
  get waiting(): readonly Read[] {
    return this.#begun.filter(({ answered }) => answered === "no");
  }

  get pending(): number {
    return this.#asked.length;
  }

  #changedAt(id: number, at: number): number {
    return this.#entries.findLast((entry) => entry.at <= at && entry.changed.includes(id))?.at ?? 0;
  }

  rowAt(id: number, at: number): ItemRow {
    const changed = position(this.#changedAt(id, at));
    const facts = { priceMinor: 1, quantity: 1, volume: 0, supplied: 1, changed };
    return { id: itemId(id), name: `Item${id}`, ...facts };
  }

  contentAt(wanted: Wanted, at: number): Content {
    const fits = (id: number): boolean => {
      if (wanted.kind === "id") return id === wanted.id;
      return wanted.kind === "page" || `Item${id}` === wanted.name;
    };
    const found = ids.filter(fits);
    return { position: position(at), rows: found.map((id) => this.rowAt(id, at)), more: false };
  }

  #show(read: Read, { rows }: Content): void {
    this.#end(read, "shown");
    this.shown.push(read);
    for (const { id, changed } of rows) {
      const told = read.told.get(id) ?? 0;
      assert.ok(changed >= told, `item ${id} as of ${changed}, though ${told} had been told`);
      assert.ok(changed <= this.committedAt, `item ${id} as of ${changed}, which is not committed`);
    }
  }

  #end(read: Read, how: Read["answered"]): void {
    assert.equal(read.answered, "no", "a read was answered twice");
    read.answered = how;
  }
}
