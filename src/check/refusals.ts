/** The rules of refusals: a key is either placed or refused, always with the same answer, and no refusal contradicts itself. */
import { type History, insufficientStock, kindCode, none, sideCode } from "./history.ts";
import { isPlaced } from "./orders.ts";
import type { Findings } from "./verdict.ts";

/** Refused by the market itself, which remembers that for the key. Other refusals tell of one attempt only. */
const refusedStatus = 409;

export function checkRefusals(history: History, findings: Findings): void {
  const placed = new Map<number, number>();
  for (let i = 0; i < history.size; i++) {
    const key = history.key.at(i);
    if (key !== none && isPlaced(history, i) && !placed.has(key)) placed.set(key, i);
  }
  const refused = new Map<number, number>();
  for (let i = 0; i < history.size; i++) {
    if (history.kind.at(i) !== kindCode.order || history.status.at(i) !== refusedStatus) continue;
    checkAvailable(history, findings, i);
    const key = history.key.at(i);
    if (key === none) continue;
    const order = placed.get(key);
    if (order !== undefined) {
      const message = `one key, order ${history.number.at(order)} and a refusal`;
      findings.add("key-two-outcomes", message, [order, i]);
    }
    const first = refused.get(key);
    if (first === undefined) refused.set(key, i);
    else checkSame(history, findings, first, i);
  }
}

/** Who is refused for want of stock wanted to buy, and more than there was. */
function checkAvailable(history: History, findings: Findings, i: number): void {
  if (history.reasons.texts[history.reason.at(i)] !== insufficientStock) return;
  const asked = history.quantity.at(i);
  const available = history.valueQuantity.at(i);
  if (history.side.at(i) === sideCode.sell) {
    findings.add("refused-in-stock", "a sale was refused for want of stock", [i]);
  } else if (available >= asked) {
    findings.add("refused-in-stock", `${asked} were refused where ${available} were available`, [i]);
  }
}

function checkSame(history: History, findings: Findings, a: number, b: number): void {
  const facts = [
    ["reason", history.reason.at(a), history.reason.at(b)],
    ["number available", history.valueQuantity.at(a), history.valueQuantity.at(b)],
    ["position", history.position.at(a), history.position.at(b)],
  ] as const;
  for (const [fact, first, second] of facts) {
    if (first < 0 || second < 0 || Number.isNaN(first + second) || first === second) continue;
    findings.add("answer-changed", `a refusal under one key, answered again with another ${fact}`, [a, b]);
    return;
  }
}
