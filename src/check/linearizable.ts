/**
 * The slow checker: is there an order of the operations that agrees with real time and in which a market, one thing
 * after another, would have answered so? It never looks at `Bazaar-Position`, only at when operations began and ended,
 * what they asked and what they were told; so it also judges whether positions themselves tell the truth, and systems
 * that have none.
 *
 * Linearizability is local (Herlihy and Wing, 1990): a history is linearizable if each object's part is, so each item
 * is searched for itself (Horn and Kroening, "Faster linearizability checking via P-compositionality", 2015).
 *
 * Judged for each item: orders of it, placed or refused for want of stock; reads; rows of lists, each as a read; queries
 * for orders of it, as far as they tell whether the order had been placed. Of orders with one key: at most one effect,
 * not before the first of them began, and equal answers. For all items together: the counter of order numbers.
 * Values exactly where the header is complete and names the item in `initial`. Of any other item the first state is
 * unknown and others may change it, so of its values only that volumes rise by the orders placed.
 *
 * An order without an answer, or with 5xx, takes effect at any time after its start, or never.
 *
 * Not judged: that the rows of one list are of one instant, and orders of events that only two items together exclude
 * (both need more than one item; by-position.ts judges them, by the positions); prices, and refusals for other
 * reasons, of items that are not exact; whether all numbers are somebody's.
 *
 * Sound and, within what is judged, complete: "illegal" means that no order exists. A search that takes more than its
 * bound ends as "undecided", which is no verdict.
 */
import { type Disagreement, readAnswers } from "./answers.ts";
import type { History } from "./history.ts";
import { exactModel, openModel } from "./item-model.ts";
import { tasksByItem } from "./item-tasks.ts";
import { checkNumbers } from "./number-counter.ts";
import { type DeadEnd, type SearchResult, search } from "./search.ts";

/** Configurations searched for one item before it is given up. Each holds some hundred bytes. */
const configurationsMax = 1_000_000;

/** One item's verdict. */
export interface ItemVerdict {
  readonly item: string;
  readonly kind: SearchResult["kind"];
  /** Whether values were judged exactly. */
  readonly exact: boolean;
  /** Operations that had to be given a place. */
  readonly operations: number;
  readonly configurations: number;
}

/** Why a history is not linearizable. Operations are lines of the history. */
export type Contradiction =
  | (Disagreement & { readonly kind: "answers" | "numbers" })
  | { readonly kind: "item"; readonly item: string; readonly exact: boolean; readonly deadEnd: DeadEnd };

export interface LinearizableVerdict {
  /** Undecided if some item is, and no contradiction was found. */
  readonly kind: "ok" | "illegal" | "undecided";
  readonly items: readonly ItemVerdict[];
  readonly contradictions: readonly Contradiction[];
}

export function checkLinearizable(
  history: History,
  bounds: { readonly configurationsMax?: number } = {},
): LinearizableVerdict {
  const answers = readAnswers(history);
  const contradictions: Contradiction[] = [
    ...answers.disagreements.map((one) => ({ kind: "answers", ...one }) as const),
    ...checkNumbers(history, answers).map((one) => ({ kind: "numbers", ...one }) as const),
  ];
  const items: ItemVerdict[] = [];
  for (const item of tasksByItem(history, answers)) {
    const exact = item.initial !== undefined;
    const model = item.initial === undefined ? openModel : exactModel(item.initial);
    const result = search(item, model, bounds.configurationsMax ?? configurationsMax);
    const { kind, configurations } = result;
    items.push({ item: item.name, kind, exact, operations: item.tasks.length, configurations });
    if (kind === "illegal")
      contradictions.push({ kind: "item", item: item.name, exact, deadEnd: result.deadEnd });
  }
  const undecided = items.some(({ kind }) => kind === "undecided");
  return {
    kind: contradictions.length > 0 ? "illegal" : undecided ? "undecided" : "ok",
    items,
    contradictions,
  };
}
