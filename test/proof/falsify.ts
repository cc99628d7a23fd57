/** Ways to falsify a true, complete history so that it tells of a broken promise, each with the rule that it breaks. */
import type { Operation } from "../../src/check/history.ts";
import type { Rule } from "../../src/check/verdict.ts";

export interface Falsification {
  readonly name: string;
  /** One of these must be named when it is rejected. */
  readonly rules: readonly Rule[];
  /** `undefined`: this history has no occasion for it. */
  readonly falsify: (history: string) => string | undefined;
}

type Change = (operations: Operation[]) => Operation[] | undefined;

function falsification(name: string, rules: readonly Rule[], change: Change): Falsification {
  const falsify = (history: string): string | undefined => {
    const [header, ...lines] = history.trimEnd().split("\n");
    const changed = change(lines.map((line) => JSON.parse(line) as Operation));
    return changed && `${[header, ...changed.map((operation) => JSON.stringify(operation))].join("\n")}\n`;
  };
  return { name, rules, falsify };
}

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

export const falsifications: readonly Falsification[] = [
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
