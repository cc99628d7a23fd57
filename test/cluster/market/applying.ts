/**
 * Carries what the log has committed into one replica's market, in turns that come later than the log's: what
 * `src/order/applier.ts` and `src/order/applied.ts` do. The store is the oracle, who has every state that ever was.
 */
import { assert } from "../../../src/base/assert.ts";
import { ByteReader } from "../../../src/base/bytes.ts";
import { type LogIndex, logIndex } from "../../../src/base/units.ts";
import { apply } from "../../../src/market/apply.ts";
import { decodeBatch, readState } from "../../../src/market/codec.ts";
import { type Market, replaceMarket } from "../../../src/market/market.ts";
import type { Reply } from "../../../src/market/reply.ts";
import type { ItemRow } from "../../../src/market/rows.ts";
import type { Entry } from "../../../src/raft/message.ts";
import { later } from "./machine.ts";
import type { OrderProcess } from "./order-process.ts";
import type { Proposed } from "./proposing.ts";
import type { Turns } from "./turns.ts";
import { Waiters } from "./waiters.ts";
import type { MarketWorld } from "./world.ts";

export interface AppliedEntry {
  readonly entry: Entry;
  readonly replies: readonly Reply[];
  readonly proposed: Proposed | undefined;
  readonly items: readonly ItemRow[];
}

export interface ApplyingHost {
  readonly turns: Turns;
  /** Who waits for the entry, if this replica formed it and still knows. */
  proposed(entry: Entry): Proposed | undefined;
  onEntry(applied: AppliedEntry): void;
  /** The market is another replica's. */
  onCopied(): void;
}

/** One in so many turns takes so many times as long. */
const slowTurns = { chance: 0.02, factor: 20 } as const;

export class Applying {
  readonly market: Market;
  readonly forIndex: Waiters;
  readonly forPosition: Waiters;
  readonly #world: MarketWorld;
  readonly #process: OrderProcess;
  readonly #host: ApplyingHost;
  /** Applied up to here, and handed out by the log up to there. */
  #index: LogIndex;
  #handedOut: LogIndex;
  #queue: Entry[] = [];
  #applying = false;

  constructor(world: MarketWorld, process: OrderProcess, host: ApplyingHost) {
    this.#world = world;
    this.#process = process;
    this.#host = host;
    const { index } = process.replica.store;
    this.#index = logIndex(index);
    this.#handedOut = this.#index;
    this.market = world.oracle.marketAt(index);
    this.forIndex = new Waiters(index);
    this.forPosition = new Waiters(this.market.position);
  }

  get index(): LogIndex {
    return this.#index;
  }

  /** Entries up to here are to be applied. */
  handOut(through: LogIndex): void {
    const { disk, store } = this.#process.replica;
    this.#world.oracle.delivered(disk, through);
    // What is next is in this log no more: another's state will come.
    if (through <= this.#handedOut || store.copying || disk.base.index > this.#handedOut) return;
    for (let index = this.#handedOut + 1; index <= through; index++) this.#queue.push(disk.entry(index));
    this.#handedOut = through;
    this.#applySoon();
  }

  /** The store holds another replica's state. */
  installed(): void {
    const { store } = this.#process.replica;
    const index = logIndex(Math.max(this.#index, store.index));
    const state = this.#world.oracle.stateAt(store.index);
    if (state !== undefined) {
      const { position } = this.market;
      replaceMarket(this.market, readState(new ByteReader(state)));
      assert(this.market.position >= position, () => `copied a state older than ${position}`);
    }
    this.#queue = this.#queue.filter((entry) => entry.index > index);
    this.#handedOut = logIndex(Math.max(this.#handedOut, index));
    this.#advance(index);
    this.#host.onCopied();
  }

  #applySoon(): void {
    if (this.#applying || this.#queue.length === 0) return;
    this.#applying = true;
    const { scheduler, applyMs } = this.#world;
    const slow = scheduler.chance(slowTurns.chance) ? slowTurns.factor : 1;
    later(scheduler, this.#process, scheduler.random() * applyMs * slow, () => {
      const batch = this.#queue
        .splice(0, scheduler.between(1, this.#queue.length))
        .map((entry) => ({ entry, proposed: this.#host.proposed(entry) }));
      // The store is asked for the keys of the batch.
      later(scheduler, this.#process, scheduler.random() * applyMs, () => {
        for (const { entry, proposed } of batch) this.#apply(entry, proposed);
        this.#applying = false;
        this.#applySoon();
      });
    });
  }

  #apply(entry: Entry, proposed: Proposed | undefined): void {
    const { index, payload, kind } = entry;
    // A copied state has it.
    if (index <= this.#index) return;
    assert(index === this.#index + 1, () => `applies ${index} behind ${this.#index}`);
    const { oracle } = this.#world;
    const { market } = this;
    const before = market.position;
    const batch = payload.length === 0 || kind === "membership" ? undefined : decodeBatch(payload);
    const applied = batch && apply(market, batch, (key) => oracle.answered(key, before));
    oracle.applied(this.#process.name, index, market);
    this.#advance(index);
    const { replies = [], rows } = applied ?? {};
    this.#host.onEntry({ entry, replies, proposed, items: rows?.items ?? [] });
  }

  #advance(index: LogIndex): void {
    this.#index = index;
    this.forPosition.advance(this.market.position);
    // As a promise does: behind everything that is applied in this turn.
    this.#host.turns.atEnd(() => this.forIndex.advance(this.#index));
  }
}
