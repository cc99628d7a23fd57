/**
 * What a market's definition must satisfy beyond its types. One list of rules for both edges: a market file is told
 * every problem by its path, a log entry with any problem is refused as damaged.
 */
import { requestLimits } from "../base/limits.ts";
import type { ItemDefinition, MarketDefinition } from "./definition.ts";
import { foldName, nameProblem, textProblem } from "./names.ts";

/** What is wrong, and where: a path such as `items[3].priceMinor`. */
export interface DefinitionProblem {
  readonly path: string;
  readonly problem: string;
}

/** Words that the API's URLs begin with already. */
const takenResources: ReadonlySet<string> = new Set([
  "orders",
  "leader",
  "cluster",
  "livez",
  "readyz",
  "metrics",
  "api",
  "openapi.json",
]);

const resourceCharacters = 32;
const restockTicksMax = 30 * 24 * 60 * 60;

/** Collects problems as the rules are gone through. */
class Problems {
  readonly found: DefinitionProblem[] = [];

  add(path: string, problem: string | undefined): void {
    if (problem !== undefined) this.found.push({ path, problem });
  }

  range(path: string, value: number, low: number, high: number): void {
    if (!Number.isSafeInteger(value) || value < low || value > high) {
      this.add(path, `must be a whole number from ${low} to ${high}`);
    }
  }
}

function resourceProblem(resource: string): string | undefined {
  if (takenResources.has(resource)) return "is a word of the API's own";
  if (!/^[a-z]+$/.test(resource) || resource.length > resourceCharacters) {
    return `must be a word of 1 to ${resourceCharacters} letters a to z`;
  }
  return undefined;
}

function checkItem(problems: Problems, path: string, item: ItemDefinition): void {
  problems.add(`${path}.name`, nameProblem(item.name));
  if (item.title !== undefined) problems.add(`${path}.title`, textProblem(item.title));
  if (item.topic !== undefined) problems.add(`${path}.topic`, textProblem(item.topic));
  problems.range(`${path}.priceMinor`, item.priceMinor, 0, requestLimits.priceMinorMax);
  problems.range(`${path}.quantity`, item.quantity, 0, requestLimits.stockMax);
}

function checkItems(problems: Problems, definition: MarketDefinition): void {
  if (definition.items.length > requestLimits.itemsMax) {
    problems.add("items", `has more than ${requestLimits.itemsMax} items`);
    return;
  }
  const firstPaths = new Map<string, string>();
  const most = definition.maxQuantity ?? requestLimits.stockMax;
  for (const [i, item] of definition.items.entries()) {
    const path = `items[${i}]`;
    checkItem(problems, path, item);
    if (item.quantity > most) problems.add(`${path}.quantity`, `is more than maxQuantity, ${most}`);
    const folded = foldName(item.name);
    const first = firstPaths.get(folded);
    if (first === undefined) firstPaths.set(folded, path);
    else problems.add(`${path}.name`, `is the name of ${first} too (A–Z and a–z count as equal)`);
  }
}

function checkRules(problems: Problems, definition: MarketDefinition): void {
  const { restock, maxQuantity, maxPerOrder } = definition;
  if (maxQuantity !== undefined) problems.range("maxQuantity", maxQuantity, 1, requestLimits.stockMax);
  if (maxPerOrder !== undefined) {
    const most = requestLimits.quantityMax * requestLimits.linesPerOrder;
    problems.range("maxPerOrder", maxPerOrder, 1, most);
  }
  if (restock === undefined) return;
  problems.range("restock.every", restock.everyTicks, 1, restockTicksMax);
  problems.range("restock.to", restock.to, 1, maxQuantity ?? requestLimits.stockMax);
  problems.range("restock.when", restock.when, 0, requestLimits.stockMax);
  if (restock.when >= restock.to) problems.add("restock.when", "must be less than restock.to");
}

/** Everything that is wrong with a definition; empty if nothing is. */
export function definitionProblems(definition: MarketDefinition): readonly DefinitionProblem[] {
  const problems = new Problems();
  problems.add("name", textProblem(definition.name));
  problems.add("resource", resourceProblem(definition.resource));
  if (!/^[A-Z]{3}$/.test(definition.currency)) problems.add("currency", "must be three letters A to Z");
  if (definition.sides.length === 0) problems.add("sides", "must allow at least one side");
  if (new Set(definition.sides).size !== definition.sides.length) problems.add("sides", "names a side twice");
  checkItems(problems, definition);
  checkRules(problems, definition);
  return problems.found;
}

/** What is wrong with one item by itself; empty if nothing is. */
export function itemProblems(item: ItemDefinition): readonly DefinitionProblem[] {
  const problems = new Problems();
  checkItem(problems, "item", item);
  return problems.found;
}
