/**
 * What was appended and is not durable yet: groups, oldest first. The first one may be under way to the file, the last
 * one collects. Reads look here before they ask the file.
 */
import { present } from "../../base/assert.ts";
import type { Hash128 } from "../../base/hash128.ts";
import type { LogIndex, OrderNumber, Term } from "../../base/units.ts";
import type { Answer, OrderRow, Rows } from "../../market/rows.ts";
import { matchesFilter } from "../filter.ts";
import type { OrderFilter } from "../port.ts";
import { addEntry, emptyGroup, findAnswer, findOrder, type Group, orderAt, sealGroup } from "./group.ts";
import type { GroupMessage } from "./messages.ts";

/** Weights, see `Group`: about two for an order of one line. */
const limits = {
  /** A transaction is closed at this size, so that none takes longer than some tens of milliseconds. */
  group: 20_000,
  /** Not yet durable; above it there is no room. */
  tail: 100_000,
} as const;

export class Tail {
  readonly #groups: Group[] = [emptyGroup()];
  #weight = 0;

  get room(): boolean {
    return this.#weight < limits.tail;
  }

  get empty(): boolean {
    return this.#oldest().last === undefined;
  }

  /** Whether the oldest group is as large as a transaction should be. */
  get due(): boolean {
    return this.#groups.length > 1 || this.#oldest().weight >= limits.group;
  }

  #oldest(): Group {
    return present(this.#groups[0], "the oldest group");
  }

  add(index: LogIndex, term: Term, rows: Rows): void {
    let group = present(this.#groups.at(-1), "the group that collects");
    if (group.weight >= limits.group) {
      group = emptyGroup();
      this.#groups.push(group);
    }
    const before = group.weight;
    addEntry(group, index, term, rows);
    this.#weight += group.weight - before;
  }

  /** The oldest group, for the writer; it answers reads until `written`. What is added from here on is in others. */
  seal(): [message: GroupMessage, transfer: ArrayBuffer[]] {
    const group = this.#oldest();
    if (this.#groups.length === 1) this.#groups.push(emptyGroup());
    return sealGroup(group);
  }

  /** The group that was sealed is durable; returns its last index. */
  written(): LogIndex {
    const group = present(this.#groups.shift(), "the group that was written");
    this.#weight -= group.weight;
    return present(group.last, "the index that was written");
  }

  order(number: OrderNumber): OrderRow | undefined {
    for (const group of this.#groups) {
      const order = findOrder(group, number);
      if (order !== undefined) return order;
    }
    return undefined;
  }

  /** The tail's part of a page, and what to ask the file for: its orders are all older. `undefined`: nothing. */
  orders(filter: OrderFilter): { found: OrderRow[]; rest: OrderFilter | undefined } {
    const found: OrderRow[] = [];
    let oldest: OrderNumber | undefined;
    for (const group of this.#groups.toReversed()) {
      for (let place = group.orderOffsets.length - 1; place >= 0 && found.length < filter.limit; place--) {
        const order = orderAt(group, place);
        if (order !== undefined && matchesFilter(order, filter)) found.push(order);
      }
      oldest = group.firstOrder ?? oldest;
    }
    if (found.length >= filter.limit) return { found, rest: undefined };
    const before = Math.min(filter.before ?? Number.MAX_SAFE_INTEGER, oldest ?? Number.MAX_SAFE_INTEGER);
    return {
      found,
      rest: { ...filter, before: before as OrderNumber, limit: filter.limit - found.length },
    };
  }

  /** The newest answer of the key. */
  answer(key: Hash128): Answer | undefined {
    for (let at = this.#groups.length - 1; at >= 0; at--) {
      const answer = findAnswer(present(this.#groups[at], "a group of the tail"), key);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }
}
