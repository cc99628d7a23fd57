/**
 * The store in memory: what tests and the simulator use, and the plainest reading of the contract. It grows with
 * history, so it is not for production, and everything appended counts as durable at once.
 */
import { assert } from "../base/assert.ts";
import { ByteReader, DecodeError } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { formatHash, type Hash128 } from "../base/hash128.ts";
import {
  type ItemId,
  type LogIndex,
  logIndex,
  type OrderNumber,
  orderNumber,
  type Position,
  position,
  type SessionId,
  type Term,
  term,
} from "../base/units.ts";
import { readAnswer, readOrder, writeAnswer, writeOrder } from "../market/codec.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { Answer, Counters, ItemRow, MarketState, OrderRow, Rows, SessionRow } from "../market/rows.ts";
import { matchesFilter } from "./filter.ts";
import type { Copy, Digest, Frozen, OrderFilter, Store, Stored } from "./port.ts";
import { recompute } from "./recompute.ts";
import { encodePage } from "./row-page.ts";

export function openMemoryStore(): Store {
  return new MemoryStore();
}

export class MemoryStore implements Store {
  #index: LogIndex = logIndex(0);
  #term: Term = term(0);
  #copying = false;
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

  get copying(): boolean {
    return this.#copying;
  }

  /** The rows where they lie, for the simulator to alter one unnoticed: none may come or go. */
  get lying(): { readonly orders: OrderRow[]; readonly items: Map<ItemId, ItemRow> } {
    return { orders: this.#orders, items: this.#items };
  }

  async load(): Promise<Stored> {
    return { index: this.#index, term: this.#term, state: this.#state(), copying: this.#copying };
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

  append(index: LogIndex, of: Term, rows: Rows): void {
    assert(index > this.#index, () => `the store is at ${this.#index}, the entry at ${index}`);
    assert(!this.#copying, "nothing is appended while a copy is under way");
    this.#index = index;
    this.#term = of;
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

  async freeze(): Promise<Frozen> {
    const state = this.#state();
    if (this.#copying) throw new OperatingFailure("unavailable", "the store itself is being copied");
    if (state === undefined) throw new OperatingFailure("unavailable", "the store is empty");
    const orders = [...this.#orders];
    const answers = [...this.#keyAnswers];
    return {
      index: this.#index,
      term: this.#term,
      state,
      orders: async (from, maxBytes) => encodePage(orders.slice(from), writeOrder, maxBytes),
      answers: async (after, maxBytes) => {
        const rest = answers.filter((answer) => answer.position > after);
        return encodePage(rest, writeAnswer, maxBytes);
      },
      close: async () => {},
    };
  }

  async copy(): Promise<Copy> {
    this.#copying = true;
    return new MemoryCopy(this.#orders, this.#keyAnswers, this.#counters, (index, of, state) => {
      this.#copying = false;
      this.#install(index, of, state);
    });
  }

  #install(index: LogIndex, of: Term, state: MarketState): void {
    assert(index >= this.#index, "a store never goes back");
    this.#index = index;
    this.#term = of;
    this.#definition = state.definition;
    this.#counters = state.counters;
    for (const table of [this.#items, this.#sessions, this.#sessionAnswers, this.#answers]) table.clear();
    for (const item of state.items) this.#items.set(item.id, item);
    for (const session of state.sessions) this.#sessions.set(session.session, session);
    for (const answer of [...this.#keyAnswers.splice(0), ...state.sessionAnswers]) this.#remember(answer);
  }

  async digest(): Promise<Digest> {
    const counters = this.#counters;
    if (this.#copying) throw new OperatingFailure("unavailable", "the store is being copied");
    if (counters === undefined) throw new OperatingFailure("unavailable", "the store is empty");
    return recompute({
      counters,
      items: this.#items.values(),
      orders: this.#orders,
      answers: [...this.#keyAnswers, ...this.#openAnswers()],
    });
  }

  async close(): Promise<void> {}
}

/** Adds to the store's own tables of what only grows; the rest is the store's when it is installed. */
class MemoryCopy implements Copy {
  readonly #orders: OrderRow[];
  readonly #answers: Answer[];
  readonly #own: { readonly nextOrder: number; readonly position: number };
  readonly #install: (index: LogIndex, of: Term, state: MarketState) => void;

  constructor(
    orders: OrderRow[],
    answers: Answer[],
    own: Counters | undefined,
    install: (index: LogIndex, of: Term, state: MarketState) => void,
  ) {
    this.#orders = orders;
    this.#answers = answers;
    this.#own = own ?? { nextOrder: 0, position: 0 };
    this.#install = install;
  }

  get nextOrder(): OrderNumber {
    return orderNumber(this.#orders.length);
  }

  get answersThrough(): Position {
    return position(Math.max(this.#own.position, this.#answers.at(-1)?.position ?? 0));
  }

  async addOrders(rows: Uint8Array): Promise<void> {
    const orders = refusing(() => readPage(rows, readOrder));
    if (orders.some((order, i) => order.number !== this.nextOrder + i)) throw refused("orders are missing");
    this.#orders.push(...orders);
  }

  async addAnswers(rows: Uint8Array): Promise<void> {
    const answers = refusing(() => readPage(rows, readAnswer));
    let last = this.answersThrough;
    for (const answer of answers) {
      if (answer.id.kind !== "key" || answer.position <= last) throw refused("answers do not ascend");
      last = answer.position;
    }
    this.#answers.push(...answers);
  }

  async install(index: LogIndex, of: Term, state: MarketState): Promise<void> {
    const { items, sessionAnswers, counters } = state;
    if (counters.position < this.#own.position) throw refused("the state is older than the store's own");
    this.#trim(counters);
    if (this.nextOrder < counters.nextOrder) throw refused("orders are missing");
    const answers = [...this.#answers, ...sessionAnswers];
    const { computed, stored } = recompute({ counters, items, orders: this.#orders, answers });
    if (formatHash(computed) !== formatHash(stored)) {
      this.#trim(this.#own);
      throw refused("the rows do not make up the state");
    }
    this.#install(index, of, state);
  }

  #trim({ nextOrder, position: through }: { readonly nextOrder: number; readonly position: number }): void {
    if (this.#orders.length > nextOrder) this.#orders.length = nextOrder;
    while ((this.#answers.at(-1)?.position ?? 0) > through) this.#answers.pop();
  }
}

const refused = (why: string): OperatingFailure =>
  new OperatingFailure("wrong-data", `the copy is refused: ${why}`);

function readPage<Row>(rows: Uint8Array, read: (reader: ByteReader) => Row): Row[] {
  const reader = new ByteReader(rows);
  const page: Row[] = [];
  for (let left = reader.varint(); left > 0; left--) page.push(read(reader));
  reader.end();
  return page;
}

function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) throw refused(error.message);
    throw error;
  }
}
