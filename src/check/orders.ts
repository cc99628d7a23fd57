/**
 * The orders of a history: lines that speak of the same order made one, with the rules that concern identity (keys,
 * numbers, positions) rather than time or values.
 *
 * An order is known by its acknowledgement, or by a query that found it. An order's *first start* is the earliest
 * start of any line with its key; it cannot have happened before.
 */
import { type History, kindCode, none } from "./history.ts";
import { indexesWhere, sortByKey } from "./sort.ts";
import type { Findings } from "./verdict.ts";

/** Orders by index; `operation` is the line that first told of each. */
export interface Orders {
  readonly size: number;
  readonly operation: Uint32Array;
  readonly number: Float64Array;
  readonly position: Float64Array;
  /** −∞ for an order that only a query told of. */
  readonly firstStart: Float64Array;
  /** The earliest end of a line that told of it. */
  readonly seenEnd: Float64Array;
  readonly byNumber: ReadonlyMap<number, number>;
  /** Orders in order of position. */
  readonly inOrder: Uint32Array;
  /** For each operation of kind order: the order that it is, also if this line does not know it; −1 if none is known. */
  readonly orderOf: Int32Array;
  /** Lines of orders of which nothing is known, the earliest of each key. */
  readonly unknown: readonly number[];
  /** The earliest start of an order with this key. */
  readonly keyStart: Float64Array;
}

export function isUnknown(history: History, i: number): boolean {
  const status = history.status.at(i);
  return history.kind.at(i) === kindCode.order && (status === none || status >= 500);
}

export function isPlaced(history: History, i: number): boolean {
  return history.kind.at(i) === kindCode.order && history.status.at(i) === 200;
}

function isFoundQuery(history: History, i: number): boolean {
  return history.kind.at(i) === kindCode.query && history.status.at(i) === 200;
}

/** Whether two lines that should tell of the same order do. A fact that one of them lacks is not compared. */
function differs(history: History, a: number, b: number): string | undefined {
  const pairs = [
    ["position", history.position.at(a), history.position.at(b)],
    ["item", history.item.at(a), history.item.at(b)],
    ["quantity", history.quantity.at(a), history.quantity.at(b)],
    ["priceMinor", history.valuePrice.at(a), history.valuePrice.at(b)],
  ] as const;
  for (const [fact, first, second] of pairs) {
    if (first >= 0 && second >= 0 && first !== second) return fact;
  }
  const sideA = history.side.at(a);
  const sideB = history.side.at(b);
  return sideA > 0 && sideB > 0 && sideA !== sideB ? "side" : undefined;
}

export function collectOrders(history: History, findings: Findings): Orders {
  const { size } = history;
  const keyStart = keyStarts(history);
  const numberOfKey = new Map<number, number>();
  const byNumber = new Map<number, number>();
  const operation: number[] = [];
  const orderOf = new Int32Array(size).fill(none);

  for (let i = 0; i < size; i++) {
    if (!isPlaced(history, i)) continue;
    const number = history.number.at(i);
    const key = history.key.at(i);
    const known = byNumber.get(number);
    if (key !== none) {
      const before = numberOfKey.get(key);
      if (
        before !== undefined &&
        operation[before] !== undefined &&
        history.number.at(operation[before]) !== number
      ) {
        findings.add(
          "key-two-numbers",
          `one key, orders ${history.number.at(operation[before])} and ${number}`,
          [operation[before], i],
        );
        continue;
      }
    }
    if (known !== undefined) {
      const first = operation[known] as number;
      if (key === none || history.key.at(first) !== key) {
        findings.add("duplicate-number", `two orders have the number ${number}`, [first, i]);
        continue;
      }
      const fact = differs(history, first, i);
      if (fact !== undefined) findings.add("answer-changed", `order ${number}: another ${fact}`, [first, i]);
      orderOf[i] = known;
      continue;
    }
    const order = operation.push(i) - 1;
    byNumber.set(number, order);
    if (key !== none) numberOfKey.set(key, order);
    orderOf[i] = order;
  }
  const asked = operation.length;
  foldQueries(history, findings, byNumber, operation);
  const unknown = foldUnknown(history, numberOfKey, orderOf);

  const count = operation.length;
  const orders = {
    size: count,
    operation: Uint32Array.from(operation),
    number: Float64Array.from(operation, (i) => history.number.at(i)),
    position: Float64Array.from(operation, (i) => history.position.at(i)),
    firstStart: Float64Array.from(operation, (i, order) => {
      if (order >= asked) return Number.NEGATIVE_INFINITY;
      const key = history.key.at(i);
      return key === none ? history.start.at(i) : (keyStart[key] as number);
    }),
    keyStart,
    seenEnd: seenEnds(history, count, byNumber, orderOf),
    byNumber,
    inOrder: new Uint32Array(0) as Uint32Array,
    orderOf,
    unknown,
  };
  orders.inOrder = sortByKey(
    indexesWhere(count, (order) => (orders.position[order] as number) >= 0),
    orders.position,
  );
  checkSequence(history, orders, findings);
  checkPhantoms(history, operation.slice(asked), unknown, findings);
  return orders;
}

function keyStarts(history: History): Float64Array {
  const starts = new Float64Array(history.keys.texts.length).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < history.size; i++) {
    const key = history.key.at(i);
    if (key === none || history.kind.at(i) !== kindCode.order) continue;
    starts[key] = Math.min(starts[key] as number, history.start.at(i));
  }
  return starts;
}

/** Queries confirm orders, contradict them, or tell of orders that this recording did not see answered. */
function foldQueries(
  history: History,
  findings: Findings,
  byNumber: Map<number, number>,
  operation: number[],
): void {
  for (let i = 0; i < history.size; i++) {
    if (!isFoundQuery(history, i)) continue;
    const number = history.number.at(i);
    const known = byNumber.get(number);
    if (known === undefined) {
      byNumber.set(number, operation.push(i) - 1);
      continue;
    }
    const first = operation[known] as number;
    const fact = differs(history, first, i);
    if (fact !== undefined) findings.add("query-mismatch", `order ${number}: another ${fact}`, [first, i]);
  }
}

function foldUnknown(
  history: History,
  numberOfKey: ReadonlyMap<number, number>,
  orderOf: Int32Array,
): number[] {
  const unknown: number[] = [];
  const placeOfKey = new Map<number, number>();
  for (let i = 0; i < history.size; i++) {
    if (!isUnknown(history, i)) continue;
    const key = history.key.at(i);
    const order = key === none ? undefined : numberOfKey.get(key);
    if (order !== undefined) {
      orderOf[i] = order;
      continue;
    }
    const place = key === none ? undefined : placeOfKey.get(key);
    if (place === undefined) {
      unknown.push(i);
      if (key !== none) placeOfKey.set(key, unknown.length - 1);
    } else if (history.start.at(i) < history.start.at(unknown[place] as number)) unknown[place] = i;
  }
  return unknown;
}

function seenEnds(
  history: History,
  count: number,
  byNumber: ReadonlyMap<number, number>,
  orderOf: Int32Array,
): Float64Array {
  const ends = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < history.size; i++) {
    const order = isPlaced(history, i)
      ? (orderOf[i] as number)
      : isFoundQuery(history, i)
        ? (byNumber.get(history.number.at(i)) ?? none)
        : none;
    if (order !== none) ends[order] = Math.min(ends[order] as number, history.end.at(i));
  }
  return ends;
}

/** Positions unique; numbers rising with them, and no faster. */
function checkSequence(history: History, orders: Orders, findings: Findings): void {
  for (let at = 1; at < orders.inOrder.length; at++) {
    const a = orders.inOrder[at - 1] as number;
    const b = orders.inOrder[at] as number;
    const lines = [orders.operation[a] as number, orders.operation[b] as number];
    const steps = (orders.position[b] as number) - (orders.position[a] as number);
    const numbers = (orders.number[b] as number) - (orders.number[a] as number);
    const which = `orders ${orders.number[a]} and ${orders.number[b]}`;
    if (steps === 0) findings.add("duplicate-position", `${which} are both at ${orders.position[a]}`, lines);
    else if (numbers < 0)
      findings.add("number-order", `${which} are at ${orders.position[a]} and ${orders.position[b]}`, lines);
    else if (numbers > steps) findings.add("number-gap", `${which} are only ${steps} positions apart`, lines);
  }
  if (history.header.complete) checkGaps(history, orders, findings);
}

/**
 * In a complete history a number that nobody was told is that of an order whose outcome is unknown; and of one that
 * had begun when an order with a higher number was told of.
 */
function checkGaps(history: History, orders: Orders, findings: Findings): void {
  const begun = Float64Array.from(orders.unknown, (i) => history.start.at(i)).sort();
  let missing = 0;
  for (let at = 1; at < orders.inOrder.length; at++) {
    const a = orders.inOrder[at - 1] as number;
    const b = orders.inOrder[at] as number;
    const numbers = (orders.number[b] as number) - (orders.number[a] as number);
    if (numbers <= 1) continue;
    missing += numbers - 1;
    const possible = countUpTo(begun, orders.seenEnd[b] as number);
    if (missing <= possible) continue;
    const lines = [orders.operation[a] as number, orders.operation[b] as number];
    const message = `between orders ${orders.number[a]} and ${orders.number[b]}: ${missing} numbers are nobody's so far, and only ${possible} orders of unknown outcome had begun`;
    findings.add("number-gap", message, lines);
    return;
  }
}

/** How many of the rising values are at most `limit`. */
function countUpTo(values: Float64Array, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** In a complete history an order that only queries know must be one of those whose outcome is unknown. */
function checkPhantoms(
  history: History,
  phantoms: readonly number[],
  unknown: readonly number[],
  findings: Findings,
): void {
  if (!history.header.complete) return;
  const shape = (i: number): string =>
    `${history.item.at(i)} ${history.side.at(i)} ${history.quantity.at(i)}`;
  const possible = new Map<string, number>();
  for (const i of unknown) possible.set(shape(i), (possible.get(shape(i)) ?? 0) + 1);
  for (const i of phantoms) {
    if (history.item.at(i) === none || history.quantity.at(i) < 0 || history.side.at(i) === 0) continue;
    const left = possible.get(shape(i)) ?? 0;
    possible.set(shape(i), left - 1);
    if (left <= 0) findings.add("phantom-order", `nobody asked for order ${history.number.at(i)}`, [i]);
  }
}
