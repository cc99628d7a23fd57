/**
 * Market files: what an operator writes, made into a definition. An operator makes mistakes one file at a time and
 * wants to hear of all of them at once, so nothing here stops at the first problem, and a field that nobody reads is
 * a problem too: it is most likely misspelt.
 */
import { requestLimits } from "../base/limits.ts";
import { toMinor } from "./currency.ts";
import type { ItemDefinition, MarketDefinition, RestockRule, Side } from "./definition.ts";
import type { DefinitionProblem } from "./definition-rules.ts";
import { definitionProblems } from "./definition-rules.ts";
import type { Building } from "./value-codec.ts";

export type ParsedDefinition =
  | { readonly ok: true; readonly definition: MarketDefinition }
  | { readonly ok: false; readonly problems: readonly DefinitionProblem[] };

type Fields = Readonly<Record<string, unknown>>;

/** `value` is JSON as parsed. */
export function parseDefinition(value: unknown): ParsedDefinition {
  const problems: DefinitionProblem[] = [];
  const definition = readMarket(value, problems);
  // The rules are for well-typed definitions; what a wrong type was replaced by must not be reported as well.
  if (problems.length === 0) problems.push(...definitionProblems(definition));
  return problems.length === 0 ? { ok: true, definition } : { ok: false, problems };
}

const marketFields = [
  "name",
  "resource",
  "currency",
  "sides",
  "items",
  "restock",
  "maxQuantity",
  "maxPerOrder",
];

function readMarket(value: unknown, problems: DefinitionProblem[]): MarketDefinition {
  const fields = readFields(value, "", marketFields, problems);
  const currency = fields.currency === undefined ? "USD" : readString(fields, "currency", "", problems);
  const definition: Building<MarketDefinition> = {
    name: readString(fields, "name", "", problems),
    resource: readString(fields, "resource", "", problems),
    currency,
    sides: readSides(fields.sides, problems),
    items: readItems(fields.items, currency, problems),
  };
  if (fields.restock !== undefined) definition.restock = readRestock(fields.restock, problems);
  if (fields.maxQuantity !== undefined) {
    definition.maxQuantity = readNumber(fields, "maxQuantity", "", problems);
  }
  if (fields.maxPerOrder !== undefined) {
    definition.maxPerOrder = readNumber(fields, "maxPerOrder", "", problems);
  }
  return definition;
}

function readSides(value: unknown, problems: DefinitionProblem[]): readonly Side[] {
  if (value === undefined) return ["buy"];
  if (!Array.isArray(value)) {
    problems.push({ path: "sides", problem: 'must be a list of "buy" and "sell"' });
    return [];
  }
  const sides: Side[] = [];
  for (const [i, side] of value.entries()) {
    if (side === "buy" || side === "sell") sides.push(side);
    else problems.push({ path: `sides[${i}]`, problem: 'must be "buy" or "sell"' });
  }
  return sides;
}

function readItems(
  value: unknown,
  currency: string,
  problems: DefinitionProblem[],
): readonly ItemDefinition[] {
  if (!Array.isArray(value)) {
    problems.push({ path: "items", problem: "must be a list of items" });
    return [];
  }
  if (value.length > requestLimits.itemsMax) {
    problems.push({ path: "items", problem: `has more than ${requestLimits.itemsMax} items` });
    return [];
  }
  return value.map((item, i) => readItem(item, `items[${i}]`, currency, problems));
}

const itemFields = ["name", "title", "topic", "price", "priceMinor", "quantity"];

function readItem(
  value: unknown,
  path: string,
  currency: string,
  problems: DefinitionProblem[],
): ItemDefinition {
  const fields = readFields(value, path, itemFields, problems);
  const item: Building<ItemDefinition> = {
    name: readString(fields, "name", path, problems),
    priceMinor: readPrice(fields, path, currency, problems),
    quantity: readNumber(fields, "quantity", path, problems),
  };
  if (fields.title !== undefined) item.title = readString(fields, "title", path, problems);
  if (fields.topic !== undefined) item.topic = readString(fields, "topic", path, problems);
  return item;
}

function readPrice(fields: Fields, path: string, currency: string, problems: DefinitionProblem[]): number {
  const { price, priceMinor } = fields;
  if (price === undefined) return readNumber(fields, "priceMinor", path, problems);
  const minor = typeof price === "number" ? toMinor(price, currency) : undefined;
  if (priceMinor !== undefined) {
    problems.push({ path: `${path}.price`, problem: "is given beside priceMinor: give one of them" });
  } else if (minor === undefined) {
    problems.push({ path: `${path}.price`, problem: `must be an amount of ${currency}, such as 17.99` });
  } else if (minor > requestLimits.priceMinorMax) {
    const most = requestLimits.priceMinorMax;
    problems.push({ path: `${path}.price`, problem: `must be at most ${most} minor units` });
  }
  return minor ?? 0;
}

function readRestock(value: unknown, problems: DefinitionProblem[]): RestockRule {
  const fields = readFields(value, "restock", ["every", "when", "to"], problems);
  return {
    everyTicks: readNumber(fields, "every", "restock", problems),
    when: readNumber(fields, "when", "restock", problems),
    to: readNumber(fields, "to", "restock", problems),
  };
}

function readFields(
  value: unknown,
  path: string,
  known: readonly string[],
  problems: DefinitionProblem[],
): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.push({ path, problem: "must be an object" });
    return {};
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      problems.push({ path: join(path, name), problem: `is not a field; there are ${known.join(", ")}` });
    }
  }
  return value as Fields;
}

function readString(fields: Fields, name: string, path: string, problems: DefinitionProblem[]): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  problems.push({ path: join(path, name), problem: value === undefined ? "is missing" : "must be a text" });
  return "";
}

function readNumber(fields: Fields, name: string, path: string, problems: DefinitionProblem[]): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  const problem = value === undefined ? "is missing" : "must be a whole number, not negative";
  problems.push({ path: join(path, name), problem });
  return 0;
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
