/** What a check finds, and the rules by name. */
import type { History, Operation } from "./history.ts";

/** Each rule with what it demands. */
export const rules = {
  "duplicate-number": "two different orders never have the same number",
  "duplicate-position": "two different orders never have the same position",
  "number-order": "order numbers rise with positions",
  "number-gap":
    "between two orders lie at least as many positions as numbers, and in a complete history no numbers that nobody asked for in time",
  "real-time-order": "an order that begins after something was seen has a higher position than that",
  "real-time-read": "a read that begins after an order on its item was acknowledged shows it",
  "backward-read": "a read that begins after another read of its item ended shows no less",
  "older-state":
    "a read that begins after a state was seen, be it by another item, shows every change of its item up to that state",
  "older-list":
    "a list shows every change of its items that was seen when it began, or lies below a state that was seen",
  "real-time-refusal":
    "a refusal for stock that begins after a change of the item was seen is not older than that",
  "lost-order": "an order that was acknowledged, or lies below a state or a number that was seen, is found",
  "key-two-numbers": "a key yields one order number, ever",
  "key-two-outcomes": "a key is either placed or refused, ever",
  "refused-in-stock": "an order refused for want of stock asked for more than there was",
  "real-time-number": "an order that begins after a number was seen has a higher one",
  "answer-changed": "the same order is answered with the same facts each time",
  "query-mismatch": "a query tells the facts that were acknowledged",
  "phantom-order": "in a complete history every order that a query finds was asked for",
  "value-changed": "one item at one position has one value",
  "foreign-position": "an item's last change is no order on another item",
  value: "what a read shows is explained by the orders up to its position",
  "negative-stock": "stock is never below zero",
  linearizable: "some order of the operations, one after another, explains all answers",
} as const satisfies Record<string, string>;

export type Rule = keyof typeof rules;

export interface Violation {
  readonly rule: Rule;
  readonly message: string;
  /** Those that contradict one another, at least one. */
  readonly operations: readonly Operation[];
}

export interface Counts {
  readonly operations: number;
  readonly orders: number;
  readonly refused: number;
  /** Orders that may or may not have happened. */
  readonly unknown: number;
  readonly reads: number;
  readonly queries: number;
  readonly lists: number;
  readonly items: number;
  readonly complete: boolean;
}

export type Verdict =
  | ({ readonly kind: "ok" } & Counts)
  | ({
      readonly kind: "illegal";
      readonly violations: readonly Violation[];
      readonly violationsTotal: number;
    } & Counts);

/** Violations told in full for each rule; more are only counted. */
const violationsPerRuleMax = 10;

/** Collects violations, a few of each rule. */
export class Findings {
  readonly violations: Violation[] = [];
  total = 0;
  readonly #history: History;
  readonly #perRule = new Map<Rule, number>();

  constructor(history: History) {
    this.#history = history;
  }

  /** `operations` by index; absent ones (−1) are left out. */
  add(rule: Rule, message: string, operations: readonly number[]): void {
    this.total++;
    const before = this.#perRule.get(rule) ?? 0;
    this.#perRule.set(rule, before + 1);
    if (before >= violationsPerRuleMax) return;
    const indexes = [...new Set(operations)].filter((index) => index >= 0);
    this.violations.push({
      rule,
      message,
      operations: indexes.map((index) => this.#history.operation(index)),
    });
  }
}
