/**
 * The rules of real time. One sweep over all starts and ends in order of time: what had been seen by everybody who
 * was finished when an operation began bounds what that operation may show.
 *
 * Every answer tells of a state that is at least as new as its position, and whoever begins later must be shown at
 * least that state. So what bounds a read is every change of its item up to the highest position that *anything* had
 * told: also by another item, another front-end, or before the change's own order was answered.
 *
 * Only "ended strictly before it began" counts as before: equal instants are concurrent.
 */
import { type History, insufficientStock, kindCode, none } from "./history.ts";
import { isPlaced, type Orders } from "./orders.ts";
import { grouped, indexesWhere, sortByKey } from "./sort.ts";
import type { Findings } from "./verdict.ts";

/** A highest position, and the operation that saw it. */
interface Seen {
  position: number;
  operation: number;
}

/** For each unknown order (by its place in `orders.unknown`): it can only be at a higher position than this. */
export type UnknownFloors = Float64Array;

/** Whether the operation's position is one at which the item changed. */
function tellsOfChange(history: History, i: number): boolean {
  const kind = history.kind.at(i);
  if (kind === kindCode.list || kind === kindCode.row) return false;
  return history.status.at(i) === 200 && history.item.at(i) !== none && history.position.at(i) !== none;
}

/** The lines that tell of each item's changes, by position, and how far the sweep has come in them. */
class Changes {
  readonly #history: History;
  readonly #lines: readonly Uint32Array[];
  readonly #passed: Uint32Array;

  constructor(history: History) {
    const lines = sortByKey(
      indexesWhere(history.size, (i) => tellsOfChange(history, i)),
      history.position.values,
    );
    const items = history.items.texts.length;
    this.#history = history;
    this.#lines = grouped(items, lines, (i) => history.item.at(i));
    this.#passed = new Uint32Array(items);
  }

  /** The line of the item's last change up to `position`, which never falls from call to call; −1: none is known. */
  last(item: number, position: number): number {
    const lines = this.#lines[item] as Uint32Array;
    let passed = this.#passed[item] as number;
    while (passed < lines.length && this.#history.position.at(lines[passed] as number) <= position) passed++;
    this.#passed[item] = passed;
    return passed === 0 ? none : (lines[passed - 1] as number);
  }
}

/** What the sweep knows at an instant. */
interface Sweep {
  readonly history: History;
  readonly orders: Orders;
  readonly findings: Findings;
  readonly any: Seen;
  /** The highest order number; its `position` is the number. */
  readonly number: Seen;
  readonly ofItem: readonly Seen[];
  readonly changes: Changes;
}

export function checkRealTime(history: History, orders: Orders, findings: Findings): UnknownFloors {
  const { size, start, end } = history;
  const starts = sortByKey(
    indexesWhere(size, () => true),
    start.values,
  );
  const ends = sortByKey(
    indexesWhere(size, (i) => {
      return (
        (history.position.at(i) !== none || history.number.at(i) !== none) && history.status.at(i) !== none
      );
    }),
    end.values,
  );
  const sweep: Sweep = {
    history,
    orders,
    findings,
    any: { position: none, operation: none },
    number: { position: none, operation: none },
    ofItem: history.items.texts.map(() => ({ position: none, operation: none })),
    changes: new Changes(history),
  };
  const floors = new Float64Array(orders.unknown.length).fill(none);
  const unknownAt = new Map(orders.unknown.map((operation, at) => [operation, at]));
  let ended = 0;
  for (const i of starts) {
    const now = start.at(i);
    for (; ended < ends.length && end.at(ends[ended] as number) < now; ended++) {
      see(sweep, ends[ended] as number);
    }
    const at = unknownAt.size === 0 ? undefined : unknownAt.get(i);
    if (at !== undefined) floors[at] = sweep.any.position;
    checkStart(sweep, i);
  }
  return floors;
}

function see({ history, any, number, ofItem }: Sweep, i: number): void {
  const position = history.position.at(i);
  // A query that found nothing, or a missing item, carries a position of another meaning.
  const refusedOrder = history.kind.at(i) === kindCode.order;
  if (history.status.at(i) !== 200 && !refusedOrder) return;
  if (position > any.position) {
    any.position = position;
    any.operation = i;
  }
  if (history.status.at(i) === 200 && history.number.at(i) > number.position) {
    number.position = history.number.at(i);
    number.operation = i;
  }
  if (!tellsOfChange(history, i)) return;
  const seen = ofItem[history.item.at(i)] as Seen;
  if (position > seen.position) {
    seen.position = position;
    seen.operation = i;
  }
}

function checkStart(sweep: Sweep, i: number): void {
  switch (sweep.history.kind.at(i)) {
    case kindCode.order:
      checkOrder(sweep, i);
      return;
    case kindCode.read:
    case kindCode.row:
      checkShown(sweep, i);
      return;
    case kindCode.query:
      checkMissing(sweep, i);
      return;
    default:
      return;
  }
}

/** A read or a row shows every change of its item up to the highest position that was seen. */
function checkShown({ history, findings, any, ofItem, changes }: Sweep, i: number): void {
  const item = history.item.at(i);
  const shown = history.position.at(i);
  if (history.status.at(i) !== 200 || shown === none || item === none) return;
  const change = changes.last(item, any.position);
  if (change === none || shown >= history.position.at(change)) return;
  const seen = ofItem[item] as Seen;
  const isSeen = shown < seen.position;
  const what = history.kind.at(i) === kindCode.row ? "a list with" : "a read of";
  const where = `${what} ${history.items.texts[item]} shows position ${shown}, after`;
  const message = isSeen
    ? `${where} ${seen.position} was seen`
    : `${where} a state at ${any.position} was seen, below which it changed at ${history.position.at(change)}`;
  const culprits = isSeen ? [seen.operation, i] : [any.operation, change, i];
  if (history.kind.at(i) === kindCode.row) findings.add("older-list", message, culprits);
  else if (!isSeen) findings.add("older-state", message, culprits);
  else {
    const backward = history.kind.at(seen.operation) === kindCode.read;
    findings.add(backward ? "backward-read" : "real-time-read", message, culprits);
  }
}

function checkMissing({ history, orders, findings, any, number: seen }: Sweep, i: number): void {
  if (history.status.at(i) !== 404) return;
  const number = history.number.at(i);
  const order = orders.byNumber.get(number);
  if (order === undefined) {
    if (number >= seen.position) return;
    const message = `order ${number} is not found, after order ${seen.position} was seen`;
    findings.add("lost-order", message, [seen.operation, i]);
    return;
  }
  const line = orders.operation[order] as number;
  const position = orders.position[order] as number;
  if ((orders.seenEnd[order] as number) < history.start.at(i)) {
    findings.add("lost-order", `order ${number} was acknowledged and is not found`, [line, i]);
  } else if (position !== none && position <= any.position) {
    const message = `order ${number} at position ${position} is not found, after a state at ${any.position} was seen`;
    findings.add("lost-order", message, [any.operation, line, i]);
  } else if (number < seen.position) {
    const message = `order ${number} is not found, after order ${seen.position} was seen`;
    findings.add("lost-order", message, [seen.operation, line, i]);
  }
}

function checkOrder({ history, orders, findings, any, number: highest, ofItem }: Sweep, i: number): void {
  const order = orders.orderOf[i] as number;
  if (order !== none) {
    // Only the first line of a key: a later one is answered with what was decided before it began.
    if (history.start.at(i) !== orders.firstStart[order]) return;
    const position = orders.position[order] as number;
    const number = orders.number[order] as number;
    if (position > any.position && number <= highest.position) {
      findings.add("real-time-number", `order ${number} began after order ${highest.position} was seen`, [
        highest.operation,
        orders.operation[order] as number,
      ]);
    }
    if (position > any.position) return;
    findings.add(
      "real-time-order",
      `order ${orders.number[order]} is at position ${position}, and began after ${any.position} was seen`,
      [any.operation, orders.operation[order] as number],
    );
    return;
  }
  if (isPlaced(history, i) || history.position.at(i) === none) return;
  const key = history.key.at(i);
  if (key !== none && history.start.at(i) !== orders.keyStart[key]) return;
  if (history.reasons.texts[history.reason.at(i)] !== insufficientStock) return;
  const seen = ofItem[history.item.at(i)] as Seen;
  if (history.position.at(i) >= seen.position) return;
  findings.add(
    "real-time-refusal",
    `a refusal at position ${history.position.at(i)} began after ${seen.position} was seen`,
    [seen.operation, i],
  );
}
