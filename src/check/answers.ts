/**
 * What a history says without its positions: each order once, however often it was asked for, with what its client was
 * told; and where two answers about one order disagree, which no order of events can mend.
 *
 * This reading belongs to the linearizability checker and shares nothing with that of the fast one (orders.ts), so
 * that a mistake in one of them does not hide a fault from both.
 */
import { type History, insufficientStock, kindCode, none } from "./history.ts";

/** An order as its client meant it. */
export interface Asked {
  /** The line that first told the outcome; of an unknown outcome the line that began first. */
  line: number;
  readonly key: number;
  /** The earliest start of any line with its key: it cannot have happened before. */
  start: number;
  /** The earliest end of a line that told the outcome: it cannot have happened later. Infinity if none did. */
  end: number;
  /**
   * `short`: refused because stock was insufficient. `refused`: decided for another reason. `unknown`: it may take
   * effect at any time after its start, or never. `nothing`: no line of it was carried out.
   */
  outcome: "placed" | "short" | "refused" | "unknown" | "nothing";
}

/** Lines that contradict one another at any time. */
export interface Disagreement {
  readonly message: string;
  readonly lines: readonly number[];
}

export interface Answers {
  /** Orders with different numbers, those of which are placed. */
  readonly orders: readonly Asked[];
  readonly byNumber: ReadonlyMap<number, Asked>;
  /** Numbers that only queries tell of, with the first line that does. */
  readonly foundOnly: ReadonlyMap<number, number>;
  readonly disagreements: readonly Disagreement[];
}

/** Answered for good: it happened, or was refused by the market, which remembers that. Others tell nothing. */
const placedStatus = 200;
const refusedStatus = 409;

export function readAnswers(history: History): Answers {
  const disagreements: Disagreement[] = [];
  const all = askedOrders(history, disagreements);
  const byNumber = new Map<number, Asked>();
  const orders: Asked[] = [];
  for (const order of all) {
    if (order.outcome === "placed") {
      const number = history.number.at(order.line);
      const other = byNumber.get(number);
      if (other !== undefined) {
        const message = `two orders were answered with the number ${number}`;
        disagreements.push({ message, lines: [other.line, order.line] });
        continue;
      }
      byNumber.set(number, order);
    }
    orders.push(order);
  }
  const foundOnly = foldQueries(history, byNumber, disagreements);
  return { orders, byNumber, foundOnly, disagreements };
}

function askedOrders(history: History, disagreements: Disagreement[]): Asked[] {
  const orders: Asked[] = [];
  const byKey = new Map<number, Asked>();
  for (let line = 0; line < history.size; line++) {
    if (history.kind.at(line) !== kindCode.order) continue;
    const key = history.key.at(line);
    const start = history.start.at(line);
    const known = key === none ? undefined : byKey.get(key);
    if (known === undefined) {
      const asked: Asked = { line, key, start, end: Number.POSITIVE_INFINITY, outcome: "nothing" };
      orders.push(asked);
      if (key !== none) byKey.set(key, asked);
      fold(history, asked, line, disagreements);
      continue;
    }
    known.start = Math.min(known.start, start);
    fold(history, known, line, disagreements);
  }
  return orders;
}

/** Add what one line tells of an order. */
function fold(history: History, asked: Asked, line: number, disagreements: Disagreement[]): void {
  const status = history.status.at(line);
  const told = status === placedStatus || status === refusedStatus;
  if (!told) {
    if (status !== none && status < 500) return;
    if (asked.outcome === "nothing") {
      asked.outcome = "unknown";
      asked.line = line;
    }
    return;
  }
  const outcome =
    status === placedStatus
      ? "placed"
      : history.reasons.texts[history.reason.at(line)] === insufficientStock
        ? "short"
        : "refused";
  asked.end = Math.min(asked.end, history.end.at(line));
  if (asked.outcome === "nothing" || asked.outcome === "unknown") {
    asked.outcome = outcome;
    asked.line = line;
    return;
  }
  const other =
    asked.outcome === outcome ? differentFact(history, asked.line, line, outcome === "placed") : "outcome";
  if (other === undefined) return;
  const key = history.keys.texts[asked.key];
  disagreements.push({
    message: `one key (${key}) was answered with another ${other}`,
    lines: [asked.line, line],
  });
}

/** The first fact that two lines about one order tell differently. What one of them does not tell is not compared. */
function differentFact(history: History, a: number, b: number, placed: boolean): string | undefined {
  const differs = (x: number, y: number): boolean => x >= 0 && y >= 0 && x !== y;
  if (placed && differs(history.number.at(a), history.number.at(b))) return "number";
  if (differs(history.item.at(a), history.item.at(b))) return "item";
  if (history.side.at(a) > 0 && history.side.at(b) > 0 && history.side.at(a) !== history.side.at(b))
    return "side";
  if (differs(history.quantity.at(a), history.quantity.at(b))) return "quantity";
  if (differs(history.valuePrice.at(a), history.valuePrice.at(b))) return "price";
  return differs(history.valueQuantity.at(a), history.valueQuantity.at(b)) ? "number available" : undefined;
}

/** A query that found an order tells what was acknowledged, and what every other query tells. */
function foldQueries(
  history: History,
  byNumber: ReadonlyMap<number, Asked>,
  disagreements: Disagreement[],
): Map<number, number> {
  const foundOnly = new Map<number, number>();
  for (let line = 0; line < history.size; line++) {
    if (history.kind.at(line) !== kindCode.query || history.status.at(line) !== placedStatus) continue;
    const number = history.number.at(line);
    const known = byNumber.get(number)?.line ?? foundOnly.get(number);
    if (known === undefined) {
      foundOnly.set(number, line);
      continue;
    }
    const fact = differentFact(history, known, line, true);
    if (fact === undefined) continue;
    disagreements.push({ message: `a query tells another ${fact} of order ${number}`, lines: [known, line] });
  }
  return foundOnly;
}
