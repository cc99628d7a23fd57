/**
 * A made-up market whose entries any test of a store can append: the same seed gives the same entries, so the state
 * after any of them can be made again and compared. The rows are consistent as `apply`'s are: hash, sums and order
 * numbers are right, session answers come, wait and are forgotten, and some requests carry a client's key.
 */
import { type Hash128, HashSum, hash128 } from "../base/hash128.ts";
import { integerBetween, type Random, seededRandom } from "../base/random.ts";
import {
  type ItemId,
  itemId,
  orderNumber,
  position,
  type SessionId,
  sessionId,
  ticks,
} from "../base/units.ts";
import { answerHash, itemHash, orderHash } from "../market/codec.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type {
  Answer,
  Counters,
  ItemRow,
  OrderLine,
  OrderRow,
  Outcome,
  Rows,
  SessionRow,
} from "../market/rows.ts";

export interface SampleOptions {
  readonly seed: number;
  /** Orders of one entry, at most; the least is none. */
  readonly ordersPerEntry: number;
}

export const sampleDefinition: MarketDefinition = {
  name: "sample",
  resource: "things",
  currency: "USD",
  sides: ["buy", "sell"],
  items: ["tux", "whale", "fox", 'zażółć "gęślą"', "lego"].map((name, i) => ({
    name,
    ...(i % 2 === 0 && { topic: "toys" }),
    priceMinor: 100 * (i + 1) + 99,
    quantity: 1_000_000,
  })),
  maxQuantity: 2_000_000,
};

/** The key of the `n`th request that has one. */
export function sampleKey(n: number): Hash128 {
  return hash128(new TextEncoder().encode(`key-${n}`));
}

/** Entry 1, 2, 3, … without end. The first founds the market; entries 2 and on trade in it. */
export function* sampleEntries(options: SampleOptions): Generator<Rows, never> {
  const market = new SampleMarket(seededRandom(options.seed));
  yield market.found();
  for (;;) yield market.trade(options.ordersPerEntry);
}

interface Changes {
  readonly items: Map<ItemId, ItemRow>;
  readonly orders: OrderRow[];
  readonly answers: Answer[];
  readonly forgotten: { session: SessionId; sequence: number }[];
  readonly sessions: Map<SessionId, SessionRow>;
  readonly closedSessions: SessionId[];
}

class SampleMarket {
  readonly #random: Random;
  readonly #hash = new HashSum();
  readonly #items = new Map<ItemId, ItemRow>();
  #open: Answer[] = [];
  #session: SessionRow | undefined;
  #position = 0;
  #ticks = 0;
  #orders = 0;
  #keys = 0;
  #sequence = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  found(): Rows {
    const changes = noChanges();
    this.#position++;
    for (const [i, { name, topic, priceMinor, quantity }] of sampleDefinition.items.entries()) {
      const item: ItemRow = {
        id: itemId(i + 1),
        name,
        ...(topic !== undefined && { topic }),
        priceMinor,
        quantity,
        volume: 0,
        supplied: quantity,
        changed: position(this.#position),
      };
      this.#change(item, changes);
    }
    this.#openSession(changes);
    return { definition: sampleDefinition, ...this.#finish(changes) };
  }

  trade(ordersMax: number): Rows {
    const changes = noChanges();
    const orders = integerBetween(this.#random, 0, ordersMax);
    for (let i = 0; i < orders; i++) this.#place(changes);
    this.#position++;
    if (this.#random() < 0.2) this.#restock(changes);
    if (this.#random() < 0.7) this.#acknowledge(changes);
    if (this.#random() < 0.02) this.#closeSession(changes);
    return this.#finish(changes);
  }

  #place(changes: Changes): void {
    this.#position++;
    const lines = integerBetween(this.#random, 1, this.#random() < 0.2 ? 3 : 1);
    const order = this.#order(lines);
    for (const { id, quantity } of order.lines) {
      const item = this.#item(id);
      const sign = order.side === "buy" ? -1 : 1;
      this.#change(
        {
          ...item,
          quantity: item.quantity + sign * quantity,
          volume: item.volume + quantity,
          changed: order.position,
        },
        changes,
      );
    }
    this.#orders++;
    this.#hash.add(orderHash(order));
    changes.orders.push(order);
    this.#remember({ kind: "order", number: order.number }, changes);
    if (this.#random() < 0.1) this.#refuse(order.lines[0]?.id ?? itemId(1), changes);
  }

  #order(lineCount: number): OrderRow {
    const lines: OrderLine[] = [];
    let totalMinor = 0;
    for (let i = 0; i < lineCount; i++) {
      const { id, name, priceMinor } = this.#item(itemId(integerBetween(this.#random, 1, this.#items.size)));
      const quantity = integerBetween(this.#random, 1, 3);
      lines.push({ id, name, quantity, priceMinor });
      totalMinor += quantity * priceMinor;
    }
    return {
      number: orderNumber(this.#orders),
      position: position(this.#position),
      side: this.#random() < 0.6 ? "buy" : "sell",
      status: "filled",
      shape: lineCount === 1 ? "single" : "lines",
      lines,
      totalMinor,
      ...(this.#random() < 0.1 && { reference: `reference ${integerBetween(this.#random, 1, 5)}` }),
      ...(this.#random() < 0.2 && { customer: `customer ${integerBetween(this.#random, 1, 3)}` }),
      at: 1_700_000_000_000 + this.#position,
    };
  }

  #refuse(id: ItemId, changes: Changes): void {
    this.#position++;
    const { name, quantity } = this.#item(id);
    const refusal = {
      reason: "insufficient-stock",
      line: 0,
      id,
      name,
      requested: quantity + 1,
      available: quantity,
    } as const;
    const reply = { kind: "refused", position: position(this.#position), refusal } as const;
    this.#remember({ kind: "reply", reply }, changes);
  }

  #remember(outcome: Outcome, changes: Changes): void {
    const keyed = this.#random() < 0.3;
    const session = this.#session?.session ?? sessionId(0);
    const answer: Answer = {
      id: keyed
        ? { kind: "key", key: sampleKey(this.#keys++) }
        : { kind: "session", session, sequence: this.#sequence++ },
      body: [this.#position, 2, 3, 0xffff_ffff],
      tick: ticks(this.#ticks),
      position: position(this.#position),
      outcome,
    };
    this.#hash.add(answerHash(answer));
    changes.answers.push(answer);
    if (!keyed) this.#open.push(answer);
  }

  #restock(changes: Changes): void {
    this.#ticks++;
    const item = this.#item(itemId(1));
    this.#change(
      {
        ...item,
        quantity: item.quantity + 10,
        supplied: item.supplied + 10,
        changed: position(this.#position),
      },
      changes,
    );
  }

  /** All but the last few answers were delivered. */
  #acknowledge(changes: Changes): void {
    const keep = integerBetween(this.#random, 0, 3);
    const over = this.#open.slice(0, Math.max(0, this.#open.length - keep));
    this.#open = this.#open.slice(over.length);
    this.#forget(over, changes);
    const session = this.#session;
    if (session === undefined) return;
    this.#session = { ...session, below: this.#sequence - this.#open.length, tick: ticks(this.#ticks) };
    changes.sessions.set(session.session, this.#session);
  }

  #forget(answers: readonly Answer[], changes: Changes): void {
    for (const answer of answers) {
      this.#hash.subtract(answerHash(answer));
      const here = changes.answers.indexOf(answer);
      if (here >= 0) changes.answers.splice(here, 1);
      else if (answer.id.kind === "session") {
        changes.forgotten.push({ session: answer.id.session, sequence: answer.id.sequence });
      }
    }
  }

  #openSession(changes: Changes): void {
    this.#position++;
    this.#sequence = 0;
    this.#session = {
      session: sessionId(this.#position),
      below: 0,
      open: [],
      tick: ticks(this.#ticks),
    };
    changes.sessions.set(this.#session.session, this.#session);
  }

  #closeSession(changes: Changes): void {
    this.#forget(this.#open, changes);
    this.#open = [];
    if (this.#session !== undefined) {
      changes.sessions.delete(this.#session.session);
      changes.closedSessions.push(this.#session.session);
    }
    this.#openSession(changes);
  }

  #item(id: ItemId): ItemRow {
    const item = this.#items.get(id);
    if (item === undefined) throw new Error(`the sample has no item ${id}`);
    return item;
  }

  #change(item: ItemRow, changes: Changes): void {
    const before = this.#items.get(item.id);
    if (before !== undefined) this.#hash.subtract(itemHash(before));
    this.#hash.add(itemHash(item));
    this.#items.set(item.id, item);
    changes.items.set(item.id, item);
  }

  #finish(changes: Changes): Rows {
    const hash = this.#hash.value();
    const counters: Counters = {
      position: position(this.#position),
      ticks: ticks(this.#ticks),
      nextOrder: orderNumber(this.#orders),
      nextItem: itemId(this.#items.size + 1),
      hash,
      hashes: [{ position: position(this.#position), hash }],
    };
    return {
      items: [...changes.items.values()],
      orders: changes.orders,
      answers: changes.answers,
      forgotten: changes.forgotten,
      sessions: [...changes.sessions.values()],
      closedSessions: changes.closedSessions,
      counters,
    };
  }
}

function noChanges(): Changes {
  return {
    items: new Map(),
    orders: [],
    answers: [],
    forgotten: [],
    sessions: new Map(),
    closedSessions: [],
  };
}
