/**
 * The replies that a front-end keeps under a lease: items, and first pages of items. It decides what may be kept and
 * what must go; it knows nothing of leases, sockets or clocks (leased-reads.ts puts them together).
 *
 * The rule that carries it: while the lease is live, everything that anyone can have been told of has been invalidated
 * here before. So what was read at a position not below an item's last invalidation is what the item is, until the
 * next invalidation. *Floors* are these positions: of each item; of all items (where the session began, and the last
 * entry that might change anything); of the lists (the last entry that might put an item into one). A page must be at
 * or above the floor of every item on it and that of the lists. That there is no such item is never kept, nor a page
 * without items: an item that does not exist yet has no invalidations. Once it is seen, its floor is not below where it
 * was seen to exist.
 *
 * A *slot* is one item or page in which there is interest: somebody asked for it, and it is among the `entries` that
 * were asked for last. An invalidation empties the slot and leaves it, so that what the leader pushes refills exactly
 * the items that are being read. Pages are not pushed.
 */
import type { ItemId, Position } from "../base/units.ts";
import { position } from "../base/units.ts";
import { foldName } from "../market/names.ts";
import type { ItemRow } from "../market/rows.ts";
import type { Touched } from "../wire/lease.ts";
import { Recency, type Recent, unused } from "./recency.ts";

/** What a reader may ask for: an item by its id or by any spelling (in NFC), or the first page of a topic or of all. */
export type Wanted =
  | { readonly kind: "id"; readonly id: number }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "page"; readonly topic: string | undefined };

/** An item's id, or a page's topic; the page of all is under the empty text, which is no topic. */
export type Subject = number | string;

export function wantedOf(subject: Subject): Wanted {
  if (typeof subject === "number") return { kind: "id", id: subject };
  return { kind: "page", topic: subject === "" ? undefined : subject };
}

/** What was read: of an item its row or none, of a page its rows; and the position of the state it was read from. */
export interface Content {
  readonly position: Position;
  readonly rows: readonly ItemRow[];
  readonly more: boolean;
}

export interface Slot<Ready> extends Recent<Slot<Ready>> {
  readonly subject: Subject;
  /** Written by the cache alone; undefined: invalidated. */
  content: Content | undefined;
  /** The reply as it is sent, made by whoever sends it, of this `content`; the cache only drops it. */
  ready: Ready | undefined;
  /** Under which it is found by `spelled`. */
  spellings: readonly string[];
}

/** Every exact spelling (URLs) that is answered with the slot's ready reply. */
export type Spell = (subject: Subject, content: Content) => readonly string[];

const nowhere = position(0);

export class ReplyCache<Ready> {
  readonly #entriesMax: number;
  readonly #spell: Spell;
  readonly #slots = new Map<Subject, Slot<Ready>>();
  readonly #spelled = new Map<string, Slot<Ready>>();
  readonly #recency = new Recency<Slot<Ready>>();
  /** The pages that hold an item. */
  readonly #pagesWith = new Map<ItemId, Set<Slot<Ready>>>();
  /**
   * Items that exist, by folded name. Names and ids are for ever, so this outlives sessions; it is bounded by the
   * number of items that a market may have.
   */
  readonly #names = new Map<string, ItemId>();
  readonly #known = new Set<number>();
  /** Each item's last invalidation in this session; as many as there are items at most. */
  readonly #invalidated = new Map<number, Position>();
  #listsFloor = nowhere;
  #allFloor = nowhere;
  #acknowledged = nowhere;
  #changedThrough = nowhere;
  #session = 0;
  #entries = 0;
  #evictions = 0;

  /** `entries`: slots at most. */
  constructor(entries: number, spell: Spell) {
    this.#entriesMax = entries;
    this.#spell = spell;
  }

  /** Replies that are kept. */
  get entries(): number {
    return this.#entries;
  }

  /** Replies that had to go for others. */
  get evictions(): number {
    return this.#evictions;
  }

  /** The session under which questions are asked now: another number after every `begin` and `clear`. */
  get session(): number {
    return this.#session;
  }

  /** The position of the last invalidation, of whatever, that was carried out; at first where the session began. */
  get acknowledged(): Position {
    return this.#acknowledged;
  }

  /** A session begins: of what was appended up to `start` nothing will be told. The cache is empty. */
  begin(start: Position): void {
    this.clear();
    this.#listsFloor = start;
    this.#allFloor = start;
    this.#acknowledged = start;
    this.#changedThrough = nowhere;
  }

  /** The session is over. */
  clear(): void {
    this.#session++;
    this.#slots.clear();
    this.#spelled.clear();
    this.#recency.clear();
    this.#pagesWith.clear();
    this.#invalidated.clear();
    this.#entries = 0;
  }

  /** The caller acknowledges it only after this has returned. */
  invalidate(at: Position, touched: Touched): void {
    if (at > this.#acknowledged) this.#acknowledged = at;
    if (touched.kind === "all") {
      this.#allFloor = at;
      this.#listsFloor = at;
      this.#invalidated.clear();
      for (const slot of this.#slots.values()) this.#empty(slot);
      return;
    }
    for (const item of touched.items) {
      this.#invalidated.set(item, at);
      const slot = this.#slots.get(item);
      if (slot !== undefined) this.#empty(slot);
      const pages = this.#pagesWith.get(item);
      if (pages !== undefined) for (const page of [...pages]) this.#empty(page);
    }
    if (touched.kind === "items") return;
    this.#listsFloor = at;
    for (const slot of this.#slots.values()) if (typeof slot.subject === "string") this.#empty(slot);
  }

  /** The slot of this exact spelling, whether anything is in it or not. */
  spelled(spelling: string): Slot<Ready> | undefined {
    return this.#spelled.get(spelling);
  }

  /** The slot was used for an answer. */
  touch(slot: Slot<Ready>): void {
    this.#recency.touch(slot);
  }

  /** What `wanted` is kept under; undefined: an item that is not known to exist. */
  subjectOf(wanted: Wanted): Subject | undefined {
    switch (wanted.kind) {
      case "id":
        return this.#known.has(wanted.id) ? wanted.id : undefined;
      case "name":
        return this.#names.get(foldName(wanted.name));
      case "page":
        return wanted.topic ?? "";
    }
  }

  /** The slot, if something is in it. */
  find(subject: Subject): Slot<Ready> | undefined {
    const slot = this.#slots.get(subject);
    return slot?.content === undefined ? undefined : slot;
  }

  /**
   * How new an answer must be for a read that begins now, under a live lease. Of an item that is not known, and of
   * what is on a page, only the last invalidation of all can say that.
   */
  floorOf(subject: Subject | undefined): Position {
    return typeof subject === "number" ? this.#itemFloor(subject) : this.#acknowledged;
  }

  #itemFloor(item: number): Position {
    const invalidated = this.#invalidated.get(item);
    return invalidated !== undefined && invalidated > this.#allFloor ? invalidated : this.#allFloor;
  }

  /** Whether the entry that last touched the item may still be on its way, so that its new value will be pushed. */
  awaitsChange(subject: Subject): boolean {
    if (typeof subject !== "number") return false;
    const invalidated = this.#invalidated.get(subject);
    return invalidated !== undefined && invalidated > this.#changedThrough;
  }

  /** An answer came to what was asked under `session`. Whether it was kept. */
  fill(session: number, subject: Subject, content: Content): boolean {
    const [first] = content.rows;
    if (first === undefined) return false;
    if (typeof subject === "number") this.#learn(first);
    if (session !== this.#session || !this.#isCurrent(subject, content)) return false;
    let slot = this.#slots.get(subject);
    // Two answers may cross: the newer one stays.
    if (slot?.content !== undefined && slot.content.position >= content.position) return true;
    slot ??= this.#open(subject, content);
    this.#put(slot, content);
    this.#recency.touch(slot);
    this.#evict();
    return true;
  }

  #learn({ id, name, changed }: ItemRow): void {
    if (this.#known.has(id)) return;
    this.#known.add(id);
    this.#names.set(foldName(name), id);
    // The entry that added an item could not name it when it was appended.
    if (changed > this.#itemFloor(id)) this.#invalidated.set(id, changed);
  }

  #isCurrent(subject: Subject, { position: at, rows }: Content): boolean {
    if (typeof subject === "number") return at >= this.#itemFloor(subject);
    if (at < this.#listsFloor) return false;
    for (const { id } of rows) if (at < this.#itemFloor(id)) return false;
    return true;
  }

  /** The leader pushed an entry's rows: it is committed, and the items that it changed are these. */
  changed(at: Position, rows: readonly ItemRow[]): void {
    if (at > this.#changedThrough) this.#changedThrough = at;
    for (const row of rows) {
      const slot = this.#slots.get(row.id);
      if (slot === undefined || at < this.#itemFloor(row.id)) continue;
      if (slot.content === undefined || slot.content.position < at)
        this.#put(slot, { position: at, rows: [row], more: false });
    }
  }

  #open(subject: Subject, content: Content): Slot<Ready> {
    const spellings = this.#spell(subject, content);
    const slot: Slot<Ready> = { subject, content: undefined, ready: undefined, spellings, ...unused };
    this.#slots.set(subject, slot);
    for (const spelling of spellings) this.#spelled.set(spelling, slot);
    return slot;
  }

  #put(slot: Slot<Ready>, content: Content): void {
    this.#empty(slot);
    slot.content = content;
    this.#entries++;
    if (typeof slot.subject === "number") return;
    for (const { id } of content.rows) {
      const pages = this.#pagesWith.get(id);
      if (pages === undefined) this.#pagesWith.set(id, new Set([slot]));
      else pages.add(slot);
    }
  }

  #empty(slot: Slot<Ready>): void {
    const { content } = slot;
    if (content === undefined) return;
    slot.content = undefined;
    slot.ready = undefined;
    this.#entries--;
    if (typeof slot.subject === "number") return;
    for (const { id } of content.rows) {
      const pages = this.#pagesWith.get(id);
      pages?.delete(slot);
      if (pages?.size === 0) this.#pagesWith.delete(id);
    }
  }

  #evict(): void {
    if (this.#slots.size <= this.#entriesMax) return;
    const slot = this.#recency.oldest;
    if (slot === undefined) return;
    if (slot.content !== undefined) this.#evictions++;
    this.#empty(slot);
    this.#recency.remove(slot);
    this.#slots.delete(slot.subject);
    for (const spelling of slot.spellings) this.#spelled.delete(spelling);
  }
}
