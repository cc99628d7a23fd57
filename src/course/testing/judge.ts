/** What the checkers say of a scenario's history, read from the text of its recording, and the least that is wrong. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { historyOf, type Operation } from "../../check/history.ts";
import { checkLinearizable } from "../../check/linearizable.ts";
import { formatVerdict, verifyHistory } from "../../check/main.ts";
import { type Recording, smallest } from "../../check/smallest.ts";
import { timeline } from "../../check/timeline.ts";
import type { Notebook } from "./client.ts";

export async function assertAccepted(notebook: Notebook): Promise<void> {
  const result = await verifyHistory(Readable.from([notebook.text]));
  assert.equal(result.kind, "ok", formatVerdict(result));
}

/**
 * Rejected, and no more than these operations are needed for that ("order buy 4 by 1" is client 1's), in the order in
 * which they began. With PICTURES set it prints them as docs/course/README.md shows them.
 */
export async function assertRejected(notebook: Notebook, ...needed: readonly string[]): Promise<void> {
  const result = await verifyHistory(Readable.from([notebook.text]));
  assert.equal(result.kind, "illegal", formatVerdict(result));
  // Without this it would leave out an order and begin with what it left: right, but a picture wants the order.
  const isAsBegun = ({ header: { initial } }: Recording): boolean =>
    initial === undefined || JSON.stringify(initial) === JSON.stringify(notebook.header.initial);
  const isIllegal = ({ operations, header }: Recording): boolean =>
    checkLinearizable(historyOf(operations, header)).kind === "illegal";
  const { operations } = smallest(notebook, (one) => isAsBegun(one) && isIllegal(one));
  assert.deepEqual(operations.map(inWords), needed);
  if (process.env.PICTURES !== undefined) console.log(`${timeline(historyOf(operations), operations)}\n`);
}

function inWords({ op, client, side, quantity, number }: Operation): string {
  const what = op === "order" ? ` ${side} ${quantity}` : op === "query" ? ` #${number}` : "";
  return `${op}${what} by ${client}`;
}
