/**
 * A contradiction that the slow checker found, for a person: how far the longest order of operations came, the state
 * that it came to, and what cannot follow; with a picture of those operations in time.
 */
import type { History } from "./history.ts";
import type { ItemState } from "./item-model.ts";
import type { Contradiction } from "./linearizable.ts";
import type { DeadEnd } from "./search.ts";
import { timeline, told } from "./timeline.ts";
import type { Violation } from "./verdict.ts";

export interface Explanation {
  readonly violation: Violation;
  readonly picture: string;
}

export function explain(history: History, contradiction: Contradiction): Explanation {
  if (contradiction.kind !== "item") {
    const operations = contradiction.lines.map((line) => history.operation(line));
    const violation = { rule: "linearizable", message: contradiction.message, operations } as const;
    return { violation, picture: timeline(history, operations) };
  }
  const { item, exact, deadEnd } = contradiction;
  const lines = [...new Set([...deadEnd.last.map(({ line }) => line), deadEnd.stuck])];
  const operations = lines.map((line) => history.operation(line));
  const message = `${item}: no order of its operations explains all answers; the one that comes furthest has ${deadEnd.placed}`;
  return {
    violation: { rule: "linearizable", message, operations },
    picture: `${steps(history, deadEnd, exact)}\n\n${timeline(history, operations)}`,
  };
}

function steps(history: History, { placed, last, state, stuck, open }: DeadEnd, exact: boolean): string {
  const earlier = placed - last.length;
  const rows = last.map(
    ({ line, state: after }) => [told(history.operation(line)), shown(after, exact)] as const,
  );
  const width = Math.max(0, ...rows.map(([text]) => text.length));
  return [
    earlier > 0
      ? `  the order that comes furthest, after ${earlier} others:`
      : "  the order that comes furthest:",
    ...rows.map(([text, after]) => `    ${text.padEnd(width)}   ${after}`),
    `  then, at ${shown(state, exact)}, not this, which has to follow:`,
    `    ${told(history.operation(stuck))}`,
    ...(open.length === 0 ? [] : ["  nor one of these first:"]),
    ...open.slice(0, openMax).map((line) => `    ${told(history.operation(line))}`),
  ].join("\n");
}

/** Operations told that are open in the end. */
const openMax = 6;

function shown({ quantity, volume, placed }: ItemState, exact: boolean): string {
  const orders = placed === 1 ? "1 order" : `${placed} orders`;
  return exact
    ? `quantity ${quantity}, volume ${volume}, ${orders}`
    : `a volume of ${volume} or more, ${orders}`;
}
