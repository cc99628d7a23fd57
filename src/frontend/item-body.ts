/** The body of `POST /<resource>`, a new item, from parsed JSON to the market's definition of an item. */
import { requestLimits } from "../base/limits.ts";
import type { ItemDefinition } from "../market/definition.ts";
import { malformed, type Problem, shown } from "./problem.ts";
import { readItemName, readText } from "./texts.ts";

const fields = ["name", "title", "topic", "priceMinor", "quantity"];

export function readItemRequest(body: unknown): ItemDefinition | Problem {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return malformed(`the body must be a JSON object with name, priceMinor and quantity; got ${shown(body)}`);
  const given = body as Readonly<Record<string, unknown>>;
  for (const field of Object.keys(given)) {
    if (!fields.includes(field))
      return malformed(
        `${shown(field)} is not a field of an item; leave it out (known: ${fields.join(", ")})`,
      );
  }
  const name = readItemName("name", given.name);
  if (typeof name !== "string") return name;
  const priceMinor = readWhole("priceMinor", given.priceMinor, requestLimits.priceMinorMax);
  if (typeof priceMinor !== "number") return priceMinor;
  const quantity = readWhole("quantity", given.quantity, requestLimits.stockMax);
  if (typeof quantity !== "number") return quantity;
  const texts: { title?: string; topic?: string } = {};
  for (const field of ["title", "topic"] as const) {
    if (given[field] === undefined) continue;
    const text = readText(field, given[field]);
    if (typeof text !== "string") return text;
    texts[field] = text;
  }
  return { name, ...texts, priceMinor, quantity };
}

function readWhole(field: string, value: unknown, most: number): number | Problem {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return value;
  return malformed(
    `${field} must be a whole number from 0 to ${most.toLocaleString("en-US")}; got ${shown(value)}`,
  );
}
