/**
 * A front-end's leased reads (`src/frontend/leased-reads.ts`), watched: which situations they come into, told from
 * outside; and the rules that are broken on purpose around them. What decides is not touched.
 */
import type { Position } from "../../../src/base/units.ts";
import type { Content, Wanted } from "../../../src/frontend/cache.ts";
import { type Ready, spellings } from "../../../src/frontend/hits.ts";
import type { ItemRead } from "../../../src/frontend/item-reads.ts";
import type { KnownLeader } from "../../../src/frontend/leadership.ts";
import {
  type Asking,
  LeasedReads,
  type LeasedReadsHost,
  type Source,
} from "../../../src/frontend/leased-reads.ts";
import type { ItemRow } from "../../../src/market/rows.ts";
import type { Invalidation, LeaseGrant } from "../../../src/wire/lease.ts";
import type { MarketSituation } from "./sometimes.ts";
import type { MarketWorld } from "./world.ts";

type Host = LeasedReadsHost<ItemRead>;

const endings = {
  lapse: "a session ended by a lapse",
  loss: "a session ended by a loss",
  term: "a session ended by a term",
  recall: "a session ended by a recall",
} as const satisfies Record<string, MarketSituation>;
type Cause = keyof typeof endings;

export class WatchedReads {
  readonly #world: MarketWorld;
  readonly #reads: LeasedReads<Ready, ItemRead>;
  readonly #pages: readonly string[];
  readonly #delayed: (run: () => void) => void;
  readonly #sendAcknowledgement: Host["sendAcknowledgement"];
  /** When requests were sent, for one who counts wrongly. */
  readonly #sentMs = new Map<number, number>();
  /** The session that is held, and since when nothing of it was invalidated. */
  #held: { readonly link: number; readonly term: number; readonly session: number } | undefined;
  #askedUnder: number | undefined;
  readonly #invalidated = new Map<number, Position>();
  #cause: Cause | undefined;
  #answering: "push" | "question" | undefined;

  /** `delayed`: does it a little later, in a turn of its own. */
  constructor(
    world: MarketWorld,
    resource: string,
    pages: readonly string[],
    host: Host,
    delayed: (run: () => void) => void,
    nowMs: () => number,
  ) {
    this.#world = world;
    this.#pages = pages;
    this.#delayed = delayed;
    this.#sendAcknowledgement = host.sendAcknowledgement;
    const options = { entries: world.cacheEntries, spell: spellings(resource) };
    this.#reads = new LeasedReads(options, {
      ...host,
      sendRequest: (link, request) => {
        this.#sentMs.set(request.request, nowMs());
        host.sendRequest(link, request);
      },
      ask: (asking) => {
        this.#askedUnder = asking.session;
        host.ask(asking);
      },
      show: (reader, content, source) => {
        if (this.#answering === "push") world.market.saw("a parked reader was answered by a push");
        if (this.#answering === "question") world.market.saw("a parked reader was answered by a question");
        host.show(reader, content, source);
      },
      unleased: (reader) => {
        if (this.#cause === "lapse") world.market.saw("a parked reader was released by a lapse");
        host.unleased(reader);
      },
      ended: (session) => {
        this.#held = undefined;
        this.#invalidated.clear();
        if (this.#cause !== undefined) world.market.saw(endings[this.#cause]);
        host.ended(session);
      },
    });
  }

  // What `src/frontend/item-reads.ts` and `src/frontend/hits.ts` use.

  get acknowledged(): Position {
    return this.#reads.acknowledged;
  }

  holds(nowMs: number): boolean {
    return this.#reads.holds(nowMs);
  }

  spelled(spelling: string) {
    return this.#reads.spelled(spelling);
  }

  touch(slot: Parameters<LeasedReads<Ready, ItemRead>["touch"]>[0]): void {
    this.#reads.touch(slot);
  }

  read(wanted: Wanted, reader: ItemRead, deadlineMs: number, nowMs: number) {
    if (wanted.kind === "name" && this.#world.oracle.isOnItsWay(wanted.name))
      this.#world.market.saw("an unknown name was asked for while its item was on its way");
    return this.#reads.read(wanted, reader, deadlineMs, nowMs);
  }

  answered(nowMs: number, asking: Asking, content: Content | undefined, source: Source): void {
    const row = asking.wanted.kind === "page" ? undefined : content?.rows[0];
    const last = row === undefined ? undefined : this.#invalidated.get(row.id);
    const current = asking.session === this.#askedUnder && this.#held !== undefined;
    const isOld = content !== undefined && last !== undefined && content.position < last;
    if (isOld && current) this.#world.market.saw("a fill was dropped because of a newer invalidation");
    const kept = this.#world.brokenMarket === "keeps old fills" && row !== undefined && content !== undefined;
    const taken = kept ? { ...content, position: this.#reads.acknowledged } : content;
    this.#answering = asking.who.kind === "parked" ? "question" : undefined;
    this.#reads.answered(nowMs, asking, taken, source);
    this.#answering = undefined;
  }

  whileHeld: LeasedReads<Ready, ItemRead>["whileHeld"] = (answered, unleased) =>
    this.#reads.whileHeld(answered, unleased);

  // Frames and time.

  /** `cause`: a connection was lost, or somebody has told of another term. */
  leaderChanged(cause: "loss" | "term", leader: KnownLeader | undefined): void {
    this.#within(cause, () => this.#reads.leaderChanged(leader));
  }

  granted(nowMs: number, link: number, grant: LeaseGrant): void {
    const sentMs = this.#sentMs.get(grant.request) ?? nowMs;
    const longer = this.#world.brokenMarket === "counts from the answer" ? nowMs - sentMs : 0;
    const remainingMs = grant.remainingMs + longer;
    const cause = this.#lapses(nowMs) ?? (this.#held?.term !== grant.term ? "term" : undefined);
    this.#within(cause, () => this.#reads.granted(nowMs, link, { ...grant, remainingMs }));
    const { session, term } = grant;
    if (this.#held === undefined && this.#reads.holds(nowMs)) this.#held = { link, term, session };
  }

  recalled(nowMs: number, link: number, session: number): void {
    this.#within("recall", () => this.#reads.recalled(nowMs, link, session));
  }

  invalidated(nowMs: number, link: number, invalidation: Invalidation): void {
    const { brokenMarket } = this.#world;
    const held = this.#held;
    if (brokenMarket === "acknowledges before it invalidates" && held?.link === link) {
      this.#sendAcknowledgement(link, { session: held.session, index: invalidation.index });
      this.#delayed(() => this.#invalidate(nowMs, link, invalidation));
    } else if (brokenMarket === "never invalidates") {
      this.#invalidate(nowMs, link, { ...invalidation, touched: { kind: "items", items: [] } });
    } else this.#invalidate(nowMs, link, invalidation);
  }

  #invalidate(nowMs: number, link: number, invalidation: Invalidation): void {
    const before = this.#keptPages;
    this.#within(this.#lapses(nowMs), () => this.#reads.invalidated(nowMs, link, invalidation));
    const { touched, position } = invalidation;
    if (this.#held === undefined) return;
    if (touched.kind === "all" && position > 1) this.#world.market.saw("a restock invalidated everything");
    if (touched.kind !== "all") for (const item of touched.items) this.#invalidated.set(item, position);
    if (this.#keptPages === before) return;
    if (touched.kind === "items") this.#world.market.saw("a page was dropped because of an item on it");
    if (touched.kind === "lists") this.#world.market.saw("a page was dropped because of an added item");
  }

  changed(nowMs: number, link: number, at: Position, rows: readonly ItemRow[]): void {
    this.#answering = "push";
    this.#within(this.#lapses(nowMs), () => this.#reads.changed(nowMs, link, at, rows));
    this.#answering = undefined;
  }

  tick(nowMs: number): void {
    this.#within(this.#lapses(nowMs), () => this.#reads.tick(nowMs));
  }

  get #keptPages(): number {
    return this.#pages.filter((url) => this.#reads.spelled(url)?.content !== undefined).length;
  }

  #lapses(nowMs: number): "lapse" | undefined {
    return this.#held !== undefined && !this.#reads.holds(nowMs) ? "lapse" : undefined;
  }

  #within(cause: Cause | undefined, run: () => void): void {
    this.#cause = cause;
    run();
    this.#cause = undefined;
  }
}
