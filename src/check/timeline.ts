/**
 * A picture of a violation for the terminal: the operations that contradict one another and their neighbours on the
 * same items, one row a client, time from left to right.
 *
 *     client 1  |-----A-----|
 *     client 2                  |--B--|
 *
 *     A * order FishCo buy 2 → position 12, number 4 …
 */
import { type History, none, type Operation } from "./history.ts";

/** Columns of the drawing. */
const timelineColumns = 72;
/** Neighbours drawn beside the culprits. */
const neighboursMax = 10;

interface Drawn {
  readonly operation: Operation;
  readonly culprit: boolean;
}

export function timeline(history: History, culprits: readonly Operation[]): string {
  const finite = culprits.map(({ end }) => end).filter((end) => end !== null);
  const from = Math.min(...culprits.map(({ start }) => start));
  const to = Math.max(from, ...finite, ...culprits.map(({ start }) => start));
  const drawn: Drawn[] = culprits.map((operation) => ({ operation, culprit: true }));
  for (const operation of neighbours(history, culprits, from, to)) drawn.push({ operation, culprit: false });
  drawn.sort((a, b) => a.operation.start - b.operation.start);
  // An order of unknown outcome may have begun long before: it is cut off, for the sake of all others.
  const left = Math.max(
    Math.min(...drawn.map(({ operation }) => operation.start)),
    Math.floor(from - (to - from) / 4),
  );
  const right = Math.max(to, ...drawn.map(({ operation }) => operation.end ?? operation.start));
  return [...rows(drawn, left, right), "", ...drawn.map(legend)].join("\n");
}

/** Operations on the culprits' items that overlap the time between them, those nearest to its end first, endless last. */
function neighbours(
  history: History,
  culprits: readonly Operation[],
  from: number,
  to: number,
): readonly Operation[] {
  const items = new Set(culprits.map(({ item }) => (item === undefined ? none : history.items.code(item))));
  const endOf = (i: number): number => (Number.isFinite(history.end.at(i)) ? history.end.at(i) : none);
  const byNearness = (a: number, b: number): number => endOf(b) - endOf(a);
  const marks = new Set(culprits.map(({ client, start }) => `${client} ${start}`));
  const found: number[] = [];
  for (let i = 0; i < history.size; i++) {
    if (history.start.at(i) > to || history.end.at(i) < from || !items.has(history.item.at(i))) continue;
    if (marks.has(`${history.client.at(i)} ${history.start.at(i)}`)) continue;
    found.push(i);
    if (found.length > neighboursMax * 2) {
      found.sort(byNearness);
      found.length = neighboursMax;
    }
  }
  found.sort(byNearness);
  return found.slice(0, neighboursMax).map((i) => history.operation(i));
}

const letter = (index: number): string => String.fromCharCode(65 + (index % 26));

/** One row a client; a client with overlapping operations gets more rows. */
function rows(drawn: readonly Drawn[], left: number, right: number): string[] {
  const column = (time: number): number =>
    right === left ? 0 : Math.round(((time - left) / (right - left)) * (timelineColumns - 1));
  const byRow = new Map<string, string[]>();
  drawn.forEach(({ operation }, index) => {
    const start = Math.max(0, column(operation.start));
    const end = operation.end === null ? timelineColumns - 1 : Math.max(column(operation.end), start + 2);
    const bar = Array.from({ length: end - start + 1 }, () => "-");
    bar[0] = operation.start < left ? "<" : "|";
    bar[bar.length - 1] = operation.end === null ? ">" : "|";
    bar[Math.floor(bar.length / 2)] = letter(index);
    for (let row = 0; ; row++) {
      const name = `client ${operation.client}${"'".repeat(row)}`;
      const cells = byRow.get(name) ?? [];
      if (cells.slice(start, end + 1).some((cell) => cell !== undefined && cell !== " ")) continue;
      bar.forEach((cell, at) => {
        cells[start + at] = cell;
      });
      byRow.set(name, cells);
      return;
    }
  });
  const width = Math.max(...[...byRow.keys()].map((name) => name.length));
  return [...byRow]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, cells]) => `${name.padEnd(width)}  ${Array.from(cells, (cell) => cell ?? " ").join("")}`);
}

function legend({ operation, culprit }: Drawn, index: number): string {
  const { start, end } = operation;
  return `${letter(index)} ${culprit ? "*" : " "} ${told(operation)} [${start} … ${end ?? "never"}]`;
}

/** What an operation asked and was told, in one line. */
export function told(operation: Operation): string {
  const { op, item, side, quantity, number, position, status, value } = operation;
  const asked = [op, item, side, quantity, op === "query" ? `#${number}` : undefined].filter(
    (part) => part !== undefined,
  );
  const answer = [
    `status ${status ?? "none"}`,
    ...(position === null || position === undefined ? [] : [`position ${position}`]),
    ...(number === undefined || op === "query" ? [] : [`number ${number}`]),
    ...Object.entries(value ?? {}).map(([name, amount]) => `${name} ${amount}`),
  ];
  return `${asked.join(" ")} → ${answer.join(", ")}`;
}
