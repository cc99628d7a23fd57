/**
 * The market's rows and refusals as the public JSON. Orders are put together by hand: it is done for every one, and
 * the fields and their order are the API's, not those of our rows.
 */
import { unreachable } from "../base/assert.ts";
import { currencyDecimals } from "../market/currency.ts";
import type { Refusal } from "../market/reply.ts";
import type { ItemRow, OrderRow } from "../market/rows.ts";
import { decimal } from "./money.ts";
import { type Problem, problem } from "./problem.ts";

/** Renders for one market. */
export interface Renderer {
  /** The value of `data` for an order that was placed. */
  placed(order: OrderRow): string;
  /** The value of `data` for an order that was looked up. */
  order(order: OrderRow): string;
  /** An item under the name that the caller used. */
  item(item: ItemRow, name?: string): string;
  refusal(refusal: Refusal): Problem;
}

const plainText = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A JSON string. Most texts need no escape, which a pattern sees faster than the serialiser writes. */
function quoted(text: string): string {
  return plainText.test(text) ? `"${text}"` : JSON.stringify(text);
}

export function createRenderer(currency: string): Renderer {
  const digits = currencyDecimals(currency);
  const money = quoted(currency);
  let lastAt = Number.NaN;
  let lastIso = "";
  // Orders of one entry share their time.
  const iso = (at: number): string => {
    if (at !== lastAt) {
      lastAt = at;
      lastIso = new Date(at).toISOString();
    }
    return lastIso;
  };
  const facts = (order: OrderRow): string => {
    let lines = "";
    let single = "";
    for (const line of order.lines) {
      const price = decimal(line.priceMinor, digits);
      const name = quoted(line.name);
      lines += `${lines === "" ? "" : ","}{"id":${line.id},"name":${name},"quantity":${line.quantity},"price":${price},"priceMinor":${line.priceMinor}}`;
      if (order.shape === "single") single = `,"name":${name},"quantity":${line.quantity},"price":${price}`;
    }
    const reference = order.reference === undefined ? "" : `,"reference":${quoted(order.reference)}`;
    const customer = order.customer === undefined ? "" : `,"customer":${quoted(order.customer)}`;
    return `"type":"${order.side}","status":"${order.status}","lines":[${lines}]${single},"total":${decimal(order.totalMinor, digits)},"totalMinor":${order.totalMinor},"currency":${money}${reference}${customer},"at":"${iso(order.at)}"}`;
  };
  return {
    placed: (order) => `{"order_number":${order.number},"transaction_number":${order.number},${facts(order)}`,
    order: (order) => `{"number":${order.number},${facts(order)}`,
    item: (item, name = item.name) => {
      const title = item.title === undefined ? "" : `,"title":${quoted(item.title)}`;
      const topic = item.topic === undefined ? "" : `,"topic":${quoted(item.topic)}`;
      return `{"id":${item.id},"name":${quoted(name)}${title}${topic},"price":${decimal(item.priceMinor, digits)},"priceMinor":${item.priceMinor},"currency":${money},"quantity":${item.quantity},"volume":${item.volume}}`;
    },
    refusal: (refusal) => refused(refusal, currency, digits),
  };
}

function refused(refusal: Refusal, currency: string, digits: number): Problem {
  const { reason } = refusal;
  switch (refusal.reason) {
    case "item-not-found":
      return problem(reason, `There is no item ${JSON.stringify(refusal.item)}.`, {
        item: refusal.item,
        line: refusal.line,
      });
    case "insufficient-stock":
    case "max-quantity-exceeded": {
      const { name, line, requested, available } = refusal;
      const message =
        refusal.reason === "insufficient-stock"
          ? `${requested} of ${JSON.stringify(name)} were asked for and ${available} are in stock. Ask for fewer.`
          : `${requested} of ${JSON.stringify(name)} are more than the market takes at present: ${available} at most.`;
      return problem(reason, message, { name, line, requested, available });
    }
    case "price-changed": {
      const { name, line, priceMinor, limitMinor } = refusal;
      const message = `${JSON.stringify(name)} costs ${decimal(priceMinor, digits)} ${currency}, beyond the limit of ${decimal(limitMinor, digits)}.`;
      return problem(reason, message, { name, line, priceMinor, limitMinor });
    }
    case "side-not-allowed":
      return problem(reason, `This market takes no orders of type ${refusal.side}.`, { type: refusal.side });
    case "out-of-range":
      return problem(reason, `${refusal.what} would leave its range.`);
    case "name-taken":
      return problem(
        reason,
        `There is an item ${JSON.stringify(refusal.name)} already. Choose another name.`,
        {
          name: refusal.name,
        },
      );
    default:
      return unreachable(refusal);
  }
}
