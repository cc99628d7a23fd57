/** What was appended to a simulated store and is not durable yet. Reads look here before they ask the file. */
import { equalHash, type Hash128 } from "../base/hash128.ts";
import type { LogIndex, OrderNumber, Term } from "../base/units.ts";
import type { Answer, OrderRow, Rows } from "../market/rows.ts";
import { matchesFilter } from "../store/filter.ts";
import type { OrderFilter } from "../store/port.ts";

export interface TailEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly rows: Rows;
  readonly weight: number;
}

/** About two for an order of one line, as in the real store; never nothing. */
function weigh({ orders, answers }: Rows): number {
  let weight = 1 + answers.length;
  for (const order of orders) weight += 1 + order.lines.length;
  return weight;
}

export class StoreTail {
  /** Ascending by index. */
  readonly #entries: TailEntry[] = [];
  /** Ascending, without a gap. */
  readonly #orders: OrderRow[] = [];
  /** By the first word of the key; the oldest first. */
  readonly #answers = new Map<number, Answer[]>();
  weight = 0;

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  add(index: LogIndex, term: Term, rows: Rows): void {
    const weight = weigh(rows);
    this.#entries.push({ index, term, rows, weight });
    this.weight += weight;
    for (const order of rows.orders) this.#orders.push(order);
    for (const answer of rows.answers) {
      if (answer.id.kind !== "key") continue;
      const word = answer.id.key[0];
      const others = this.#answers.get(word);
      if (others === undefined) this.#answers.set(word, [answer]);
      else others.push(answer);
    }
  }

  /** The oldest entries, of about so much weight together, but at least one. They stay until they are dropped. */
  oldest(weightMax: number): readonly TailEntry[] {
    let weight = 0;
    const end = this.#entries.findIndex((entry) => {
      weight += entry.weight;
      return weight >= weightMax;
    });
    return end < 0 ? this.#entries.slice() : this.#entries.slice(0, end + 1);
  }

  /** These are durable; they are the oldest ones. */
  drop(entries: readonly TailEntry[]): void {
    this.#entries.splice(0, entries.length);
    let orders = 0;
    for (const { rows, weight } of entries) {
      this.weight -= weight;
      orders += rows.orders.length;
      for (const { id } of rows.answers) {
        if (id.kind !== "key") continue;
        const answers = this.#answers.get(id.key[0]);
        if (answers !== undefined && answers.length > 1) answers.shift();
        else this.#answers.delete(id.key[0]);
      }
    }
    this.#orders.splice(0, orders);
  }

  order(number: OrderNumber): OrderRow | undefined {
    const first = this.#orders[0];
    return first === undefined ? undefined : this.#orders[number - first.number];
  }

  /** The tail's part of a page, and what to ask the file for: its orders are all older. `undefined`: nothing. */
  orders(filter: OrderFilter): { readonly found: OrderRow[]; readonly rest: OrderFilter | undefined } {
    const found: OrderRow[] = [];
    for (let at = this.#orders.length - 1; at >= 0 && found.length < filter.limit; at--) {
      const order = this.#orders[at];
      if (order !== undefined && matchesFilter(order, filter)) found.push(order);
    }
    if (found.length >= filter.limit) return { found, rest: undefined };
    const rest = { ...filter, limit: filter.limit - found.length };
    const oldest = this.#orders[0]?.number;
    if (oldest === undefined || (filter.before ?? Number.POSITIVE_INFINITY) <= oldest) return { found, rest };
    return { found, rest: { ...rest, before: oldest } };
  }

  /** The newest answer of the key. */
  answer(key: Hash128): Answer | undefined {
    const answers = this.#answers.get(key[0]);
    return answers?.findLast(({ id }) => id.kind === "key" && equalHash(id.key, key));
  }
}
