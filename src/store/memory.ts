/**
 * The store in memory: what tests and the simulator use, and the plainest reading of the contract. It grows with
 * history, so it is not for production, and everything appended counts as durable at once.
 */
import { assert } from "../base/assert.ts";
import { formatHash, type Hash128 } from "../base/hash128.ts";
import { type ItemId, type LogIndex, logIndex, type OrderNumber, type SessionId } from "../base/units.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { Answer, Counters, ItemRow, MarketState, OrderRow, Rows, SessionRow } from "../market/rows.ts";
import { matchesFilter } from "./filter.ts";
import type { Digest, OrderFilter, Store, Stored } from "./port.ts";
import { recompute } from "./recompute.ts";

export function openMemoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  #index: LogIndex = logIndex(0);
  #definition: MarketDefinition | undefined;
  #counters: Counters | undefined;
  readonly #items = new Map<ItemId, ItemRow>();
  readonly #orders: OrderRow[] = [];
  readonly #keyAnswers: Answer[] = [];
  /** The newest of each key. */
  readonly #answers = new Map<string, Answer>();
  readonly #sessions = new Map<SessionId, SessionRow>();
  readonly #sessionAnswers = new Map<SessionId, Map<number, Answer>>();

  get flushed(): LogIndex {
    return this.#index;
  }

  async load(): Promise<Stored> {
    return { index: this.#index, state: this.#state() };
  }

  #state(): MarketState | undefined {
    if (this.#definition === undefined || this.#counters === undefined) return undefined;
    return {
      definition: this.#definition,
      items: [...this.#items.values()],
      sessions: [...this.#sessions.values()],
      sessionAnswers: this.#openAnswers(),
      counters: this.#counters,
    };
  }

  #openAnswers(): Answer[] {
    return [...this.#sessionAnswers.values()].flatMap((answers) => [...answers.values()]);
  }

  append(index: LogIndex, rows: Rows): void {
    assert(index > this.#index, () => `the store is at ${this.#index}, the entry at ${index}`);
    this.#index = index;
    this.#counters = rows.counters;
    if (rows.definition !== undefined) this.#definition = rows.definition;
    for (const item of rows.items) this.#items.set(item.id, item);
    for (const order of rows.orders) {
      assert(order.number === this.#orders.length, () => `order ${order.number} is not the next one`);
      this.#orders.push(order);
    }
    for (const session of rows.sessions) this.#sessions.set(session.session, session);
    for (const answer of rows.answers) this.#remember(answer);
    for (const { session, sequence } of rows.forgotten) this.#sessionAnswers.get(session)?.delete(sequence);
    for (const session of rows.closedSessions) {
      this.#sessions.delete(session);
      this.#sessionAnswers.delete(session);
    }
  }

  #remember(answer: Answer): void {
    if (answer.id.kind === "key") {
      this.#keyAnswers.push(answer);
      this.#answers.set(formatHash(answer.id.key), answer);
      return;
    }
    let answers = this.#sessionAnswers.get(answer.id.session);
    if (answers === undefined) {
      answers = new Map();
      this.#sessionAnswers.set(answer.id.session, answers);
    }
    answers.set(answer.id.sequence, answer);
  }

  async room(): Promise<void> {}

  async flush(): Promise<void> {}

  async order(number: OrderNumber): Promise<OrderRow | undefined> {
    return this.#orders[number];
  }

  async orders(filter: OrderFilter): Promise<readonly OrderRow[]> {
    const found: OrderRow[] = [];
    for (let number = this.#orders.length - 1; number >= 0 && found.length < filter.limit; number--) {
      const order = this.#orders[number];
      if (order !== undefined && matchesFilter(order, filter)) found.push(order);
    }
    return found;
  }

  async answers(keys: readonly Hash128[]): Promise<readonly (Answer | undefined)[]> {
    return keys.map((key) => this.#answers.get(formatHash(key)));
  }

  async digest(): Promise<Digest> {
    const counters = this.#counters;
    assert(counters !== undefined, "an empty store has no digest");
    return recompute({
      counters,
      items: this.#items.values(),
      orders: this.#orders,
      answers: [...this.#keyAnswers, ...this.#openAnswers()],
    });
  }

  async close(): Promise<void> {}
}
