/**
 * The order numbers as an object of their own: one counter for all items. An order takes the counter's value and moves
 * it on by one, a query that finds number n saw the counter above n, one that does not find it saw it at most at n.
 *
 * A counter only rises, so a contradiction always has two sides: somebody saw it at a value, and an operation that
 * began strictly later needs it lower. One sweep over time finds all of them.
 */
import type { Answers, Disagreement } from "./answers.ts";
import { type History, kindCode } from "./history.ts";

interface Bound {
  readonly time: number;
  readonly value: number;
  readonly line: number;
}

export function checkNumbers(history: History, { byNumber }: Answers): Disagreement[] {
  const atLeast: Bound[] = [];
  const atMost: Bound[] = [];
  for (const [number, { line, start, end }] of byNumber) {
    atMost.push({ time: start, value: number, line });
    atLeast.push({ time: end, value: number + 1, line });
  }
  for (let line = 0; line < history.size; line++) {
    if (history.kind.at(line) !== kindCode.query) continue;
    const value = history.number.at(line);
    const status = history.status.at(line);
    if (status === 200) atLeast.push({ time: history.end.at(line), value: value + 1, line });
    else if (status === 404) atMost.push({ time: history.start.at(line), value, line });
  }
  return contradictions(history, atLeast.sort(byTime), atMost.sort(byTime));
}

const byTime = (a: Bound, b: Bound): number => a.time - b.time;

function contradictions(
  history: History,
  atLeast: readonly Bound[],
  atMost: readonly Bound[],
): Disagreement[] {
  const found: Disagreement[] = [];
  let highest: Bound | undefined;
  let ended = 0;
  for (const bound of atMost) {
    for (let one = atLeast[ended]; one !== undefined && one.time < bound.time; one = atLeast[++ended]) {
      if (highest === undefined || one.value > highest.value) highest = one;
    }
    if (highest === undefined || highest.value <= bound.value) continue;
    const seen = `after order ${highest.value - 1} had been seen`;
    const message =
      history.kind.at(bound.line) === kindCode.query
        ? `order ${bound.value} is not found, ${seen}`
        : `an order that began ${seen} got the number ${bound.value}`;
    found.push({ message, lines: [highest.line, bound.line] });
  }
  return found;
}
