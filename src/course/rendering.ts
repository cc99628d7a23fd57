/** What the front-end reads and says, in the words of our public API, as far as this protocol has something to say. */
import { requestLimits } from "../base/limits.ts";
import { fromMinor } from "../market/currency.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { Answer } from "./http.ts";
import type { CourseItem, CourseOrder, Reply, Wish } from "./messages.ts";

/** The words of a market that the API needs. */
export type Labels = Pick<MarketDefinition, "resource" | "currency">;

export function renderItem(item: CourseItem, { currency }: Labels) {
  return { ...item, price: fromMinor(item.priceMinor, currency), currency };
}

export function renderOrder({ id, name, side, quantity, priceMinor }: CourseOrder, { currency }: Labels) {
  const price = fromMinor(priceMinor, currency);
  const totalMinor = priceMinor * quantity;
  const total = fromMinor(totalMinor, currency);
  const line = { id, name, quantity, price, priceMinor };
  return { type: side, status: "placed", lines: [line], name, quantity, price, total, totalMinor, currency };
}

export function wrong(code: number, reason: string, message: string, facts: object = {}): Answer {
  return { status: code, body: { error: { code, reason, message, ...facts } } };
}

/** Whether it has happened is not known, and there is no key under which to ask again. */
export function failed(why: string): Answer {
  return wrong(500, "internal", `No answer from behind: ${why}. What became of the request is not known.`);
}

export function refusal({ reason, available }: Extract<Reply, { kind: "refused" }>, wish: Wish): Answer {
  const code = reason === "item-not-found" ? 404 : reason === "side-not-allowed" ? 422 : 409;
  const facts = { name: wish.name, requested: wish.quantity, ...(available !== undefined && { available }) };
  return wrong(code, reason, `The catalog refuses to ${wish.side} ${wish.quantity} of ${wish.name}.`, facts);
}

/** The body of `POST /orders`: one line. Any other field, and any key, is ignored. */
export function readWish(body: unknown): Wish | Answer {
  const { name, quantity, type = "buy" } = (body ?? {}) as { readonly [field: string]: unknown };
  const { quantityMin, quantityMax } = requestLimits;
  const isWhole = typeof quantity === "number" && Number.isInteger(quantity);
  if (typeof name !== "string" || name === "") return malformed("name must be a text");
  if (!isWhole || quantity < quantityMin || quantity > quantityMax) {
    return malformed(`quantity must be a whole number from ${quantityMin} to ${quantityMax}`);
  }
  if (type !== "buy" && type !== "sell") return malformed('type must be "buy" or "sell"');
  return { name, side: type, quantity };
}

function malformed(message: string): Answer {
  return wrong(400, "malformed", message);
}
