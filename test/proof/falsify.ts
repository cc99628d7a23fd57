/**
 * Ways to falsify a true, complete history so that it tells of a broken promise, each with the rules that it breaks; and
 * the proof that each is noticed. A checker that accepts everything would prove nothing.
 */
import { checkByPosition } from "../../src/check/by-position.ts";
import { type HistoryHeader, historyOf, type Operation } from "../../src/check/history.ts";
import type { Rule } from "../../src/check/verdict.ts";
import type { Findings } from "./findings.ts";

export interface Falsification {
  readonly name: string;
  /** One of these must be named when it is rejected. */
  readonly rules: readonly Rule[];
  /** `undefined`: this history has no occasion for it. What it was given stays as it is. */
  readonly falsify: (operations: readonly Operation[]) => readonly Operation[] | undefined;
}

type Change = Falsification["falsify"];

const placed = (operation: Operation): boolean => operation.op === "order" && operation.status === 200;
const shown = (operation: Operation): boolean => operation.op === "read" && operation.status === 200;
const endOf = ({ end }: Operation): number => end ?? Number.POSITIVE_INFINITY;
const positionOf = ({ position }: Operation): number => position ?? 0;
const before = (a: Operation, b: Operation): boolean => endOf(a) < b.start;

function largest(operations: readonly Operation[], of: (operation: Operation) => number): number {
  return operations.reduce((most, operation) => Math.max(most, of(operation)), 0);
}

/** Operations from the middle on, where all that a rule can compare with has happened. */
function later(operations: readonly Operation[]): Operation[] {
  const ordered = operations.toSorted((a, b) => a.start - b.start);
  return ordered.slice(ordered.length >> 1);
}

function replace(operations: readonly Operation[], changes: ReadonlyMap<Operation, Operation>): Operation[] {
  return operations.map((operation) => changes.get(operation) ?? operation);
}

/** A read shows what another one showed, whose item had changed since then and been seen to have. */
const staleRead: Change = (operations) => {
  const reads = operations.filter(shown);
  for (const late of later(reads)) {
    const seen = reads.find((read) => {
      return read.item === late.item && before(read, late) && positionOf(read) === positionOf(late);
    });
    const old = seen && reads.find((read) => read.item === late.item && positionOf(read) < positionOf(late));
    if (old === undefined) continue;
    const { position = null, value = {} } = old;
    return replace(operations, new Map([[late, { ...late, position, value }]]));
  }
  return undefined;
};

/** A read shows the state before an order on its item that had been acknowledged when it began. */
const missedOrder: Change = (operations) => {
  const reads = operations.filter(shown);
  for (const order of later(operations.filter(placed))) {
    const late = reads.find((read) => read.item === order.item && before(order, read));
    const old = reads.find((read) => read.item === order.item && positionOf(read) < positionOf(order));
    if (late === undefined || old === undefined) continue;
    const { position = null, value = {} } = old;
    return replace(operations, new Map([[late, { ...late, position, value }]]));
  }
  return undefined;
};

/** Two acknowledged orders, one after the other, with each other's positions. */
const swappedPositions: Change = (operations) => {
  const orders = operations.filter(placed);
  for (const first of later(orders)) {
    const second = orders.find((order) => before(first, order));
    if (second === undefined) continue;
    const { position: early = null } = first;
    const { position: late = null } = second;
    return replace(
      operations,
      new Map([
        [first, { ...first, position: late }],
        [second, { ...second, position: early }],
      ]),
    );
  }
  return undefined;
};

/** Change the first operation of the later half that fits. */
function alter(fits: (operation: Operation) => boolean, change: (operation: Operation) => Operation): Change {
  return (operations) => {
    const chosen = later(operations.filter(fits))[0];
    return chosen && replace(operations, new Map([[chosen, change(chosen)]]));
  };
}

function falsification(name: string, rules: readonly Rule[], falsify: Change): Falsification {
  return { name, rules, falsify };
}

const sameNumber: Change = (operations) => {
  const [first, second] = later(operations.filter(placed));
  if (first?.number === undefined || second === undefined) return undefined;
  return replace(operations, new Map([[second, { ...second, number: first.number }]]));
};

/** An order that was asked for again under its key and was then another one. */
const appliedTwice: Change = (operations) => {
  const [order] = later(operations.filter(placed));
  if (order === undefined) return undefined;
  const most = largest(operations, ({ number }) => number ?? 0);
  const furthest = largest(operations, positionOf);
  const start = largest(operations, ({ end, start: began }) => end ?? began) + 1;
  const again = { ...order, number: most + 1, position: furthest + 1, start, end: start + 1 };
  return [...operations, again];
};

/** An acknowledged order of which the history knows nothing, as if it had been taken back. */
const forgottenOrder: Change = (operations) => {
  const [order] = later(operations.filter(placed));
  return order && operations.filter(({ number }) => number !== order.number);
};

const query = (operation: Operation): boolean => operation.op === "query" && operation.status === 200;
const listed = (operation: Operation): boolean =>
  operation.op === "list" && (operation.rows?.length ?? 0) > 0;

/** A list shows what an older list of the same items showed, of which one has been seen to change since then. */
const staleList: Change = (operations) => {
  const lists = operations.filter(listed);
  const about = ({ rows = [] }: Operation): string => rows.map(({ item }) => item).join();
  for (const late of later(lists)) {
    const items = new Set(late.rows?.map(({ item }) => item));
    const topic = about(late);
    const seen = operations.findLast(
      (read) => shown(read) && items.has(read.item ?? "") && before(read, late),
    );
    const old = seen && lists.find((list) => about(list) === topic && positionOf(list) < positionOf(seen));
    if (old === undefined) continue;
    const { position = null, rows = [] } = old;
    return replace(operations, new Map([[late, { ...late, position, rows }]]));
  }
  return undefined;
};

/** What one front-end showed before the order was answered, another shows as it was before. */
const backwardDelivery: Change = (operations) => {
  const reads = operations.filter(shown);
  const orders = new Map(operations.filter(placed).map((order) => [positionOf(order), order]));
  for (const first of later(reads)) {
    const order = orders.get(positionOf(first));
    if (order === undefined || endOf(first) >= endOf(order)) continue;
    const second = reads.find((read) => {
      return read.item === first.item && before(first, read) && read.start < endOf(order);
    });
    const old = reads.find((read) => read.item === first.item && positionOf(read) < positionOf(first));
    if (second === undefined || old === undefined) continue;
    const { position = null, value = {} } = old;
    return replace(operations, new Map([[second, { ...second, position, value }]]));
  }
  return undefined;
};

/**
 * A read shows its item without an order of which nobody had been told, but which lies below a state that somebody had
 * seen by another item.
 */
const otherItem: Change = (operations) => {
  const answered = operations.filter((one) => shown(one) || placed(one)).sort((a, b) => endOf(a) - endOf(b));
  const reads = operations.filter(shown).sort((a, b) => a.start - b.start);
  const showing = new Map(reads.map((read) => [`${read.item} ${positionOf(read)}`, read]));
  const orders = Map.groupBy(operations.filter(placed), ({ item }) => item);
  for (const [item, some] of orders) {
    orders.set(
      item,
      some.sort((a, b) => positionOf(b) - positionOf(a)),
    );
  }
  const seen = new Map<string | undefined, number>();
  let highest = 0;
  let ended = 0;
  for (const read of reads) {
    for (let one = answered[ended]; one !== undefined && before(one, read); one = answered[++ended]) {
      highest = Math.max(highest, positionOf(one));
      seen.set(one.item, Math.max(seen.get(one.item) ?? 0, positionOf(one)));
    }
    const known = seen.get(read.item) ?? 0;
    const later = orders.get(read.item) ?? [];
    while (later.length > 0 && positionOf(later[later.length - 1] as Operation) <= known) later.pop();
    const hidden = later.at(-1);
    const old = showing.get(`${read.item} ${known}`);
    if (hidden === undefined || positionOf(hidden) > highest || old === undefined) continue;
    const { position = null, value = {} } = old;
    return replace(operations, new Map([[read, { ...read, position, value }]]));
  }
  return undefined;
};

/** One front-end has found the order, and another does not. */
const lostDelivery: Change = (operations) => {
  const byNumber = Map.groupBy(operations.filter(query), ({ number }) => number);
  for (const queries of byNumber.values()) {
    const second = queries.find((one) => queries.some((first) => before(first, one)));
    if (second === undefined) continue;
    const { client, op, start, end, number = 0 } = second;
    return replace(operations, new Map([[second, { client, op, start, end, number, status: 404 }]]));
  }
  return undefined;
};

/** For any history of orders, reads and queries. */
const falsifications: readonly Falsification[] = [
  falsification("a read below a completed read", ["backward-read", "real-time-read"], staleRead),
  falsification("a read without an acknowledged order", ["real-time-read", "backward-read"], missedOrder),
  falsification("swapped positions", ["real-time-order", "number-order"], swappedPositions),
  falsification("two orders with one number", ["duplicate-number"], sameNumber),
  falsification("one key, two orders", ["key-two-numbers"], appliedTwice),
  falsification("an order that left no trace", ["number-gap", "value"], forgottenOrder),
  falsification(
    "one unit too many in stock",
    ["value", "value-changed"],
    alter(shown, (read) => ({
      ...read,
      value: { ...read.value, quantity: (read.value?.quantity ?? 0) + 1 },
    })),
  ),
  falsification(
    "an acknowledged order that is not found",
    ["lost-order"],
    alter(query, ({ client, op, start, end, number = 0 }) => {
      return { client, op, start, end, number, status: 404 };
    }),
  ),
  falsification(
    "an order that changed",
    ["query-mismatch"],
    alter(query, (found) => ({ ...found, quantity: (found.quantity ?? 0) + 1 })),
  ),
];

/** For histories of couriers between front-ends: lists, and answers before an order's own. */
const courierFalsifications: readonly Falsification[] = [
  falsification("a list below a completed read", ["older-list"], staleList),
  falsification(
    "a list with one unit too many",
    ["value", "value-changed"],
    alter(listed, (list) => {
      const [first, ...rest] = list.rows ?? [];
      return first === undefined
        ? list
        : { ...list, rows: [{ ...first, quantity: (first.quantity ?? 0) + 1 }, ...rest] };
    }),
  ),
  falsification("a delivery that went backward", ["backward-read", "real-time-read"], backwardDelivery),
  falsification("a read below a state seen by another item", ["older-state"], otherItem),
  falsification("an order that another front-end does not find", ["lost-order"], lostDelivery),
];

function parseHistory(history: string): {
  readonly header: HistoryHeader;
  readonly operations: readonly Operation[];
} {
  const [header = "", ...lines] = history.trimEnd().split("\n");
  return {
    header: JSON.parse(header) as HistoryHeader,
    operations: lines.map((line) => JSON.parse(line) as Operation),
  };
}

/** Falsify copies of a history, given as JSON Lines, in every way; each must be rejected for what it is. */
export function needFalsifiable(history: string, couriers: boolean, findings: Findings): void {
  const { header, operations } = parseHistory(history);
  const ways = couriers ? [...falsifications, ...courierFalsifications] : falsifications;
  let rejected = 0;
  for (const { name, falsify, rules } of ways) {
    const falsified = falsify(operations);
    if (falsified === undefined) {
      findings.faults.push(`the history gave no occasion to falsify it: ${name}`);
      continue;
    }
    const verdict = checkByPosition(historyOf(falsified, header));
    if (verdict.kind !== "illegal") {
      findings.faults.push(`a falsified history was called ${verdict.kind}: ${name}`);
      continue;
    }
    const found = verdict.violations.map(({ rule }) => rule);
    const named = found.some((rule) => rules.includes(rule));
    findings.need(named, `${name} was rejected for something else: ${[...new Set(found)].join(", ")}`);
    rejected++;
  }
  findings.figure("falsifications rejected", `${rejected} of ${ways.length}`);
}
