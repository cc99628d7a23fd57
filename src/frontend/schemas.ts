/**
 * The bodies that the API takes and the replies it gives, as JSON Schema. The hand-written validators decide; tests
 * hold these schemas to them, so that the published description is true.
 */
import { requestLimits } from "../base/limits.ts";

export type Schema = Readonly<Record<string, unknown>>;

const {
  linesPerOrder,
  ordersPerBatch,
  nameCodePoints,
  quantityMin,
  quantityMax,
  stockMax,
  priceMinorMax,
  itemsMax,
} = requestLimits;

/** No control character and no half of a surrogate pair; the latter a pattern cannot say. */
const text: Schema = {
  type: "string",
  minLength: 1,
  maxLength: nameCodePoints,
  pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
};
const whole = (minimum: number, maximum: number): Schema => ({ type: "integer", minimum, maximum });
const quantity = whole(quantityMin, quantityMax);
const side: Schema = { type: "string", enum: ["buy", "sell"] };

function object(required: readonly string[], properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", additionalProperties: false, required, properties };
}

const details = { reference: text, customer: text };

function line(guard: "maxPriceMinor" | "minPriceMinor"): Schema {
  const rest = { quantity, [guard]: whole(0, priceMinorMax) };
  return {
    oneOf: [
      object(["name", "quantity"], { name: text, ...rest }),
      object(["id", "quantity"], { id: whole(1, itemsMax), ...rest }),
    ],
  };
}

function lines(guard: "maxPriceMinor" | "minPriceMinor"): Schema {
  return { type: "array", minItems: 1, maxItems: linesPerOrder, items: line(guard) };
}

export const orderBody: Schema = {
  oneOf: [
    object(["name", "quantity"], { name: text, quantity, type: { ...side, default: "buy" }, ...details }),
    object(["lines"], { lines: lines("maxPriceMinor"), type: { type: "string", enum: ["buy"] }, ...details }),
    object(["lines", "type"], {
      lines: lines("minPriceMinor"),
      type: { type: "string", enum: ["sell"] },
      ...details,
    }),
  ],
};

export const batchBody: Schema = object(["orders"], {
  orders: { type: "array", minItems: 1, maxItems: ordersPerBatch, items: orderBody },
});

export const itemBody: Schema = object(["name", "priceMinor", "quantity"], {
  name: { ...text, not: { pattern: "^[0-9]+$" } },
  title: text,
  topic: text,
  priceMinor: whole(0, priceMinorMax),
  quantity: whole(0, stockMax),
});

/** Replies may gain fields, so nothing here forbids more. */
function reply(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  return { type: "object", required: Object.keys(required), properties: { ...required, ...optional } };
}

const integer: Schema = { type: "integer" };
const number: Schema = { type: "number" };
const string: Schema = { type: "string" };

export const itemReply: Schema = reply(
  {
    id: integer,
    name: string,
    price: number,
    priceMinor: integer,
    currency: string,
    quantity: integer,
    volume: integer,
  },
  { title: string, topic: string },
);

const orderFacts = {
  type: side,
  status: { type: "string", enum: ["filled", "cancelled"] },
  lines: {
    type: "array",
    items: reply({ id: integer, name: string, quantity: integer, price: number, priceMinor: integer }),
  },
  total: number,
  totalMinor: integer,
  currency: string,
  at: { type: "string", format: "date-time" },
} as const satisfies Readonly<Record<string, Schema>>;
const orderDetails = { name: string, quantity: integer, price: number, reference: string, customer: string };

export const placedReply: Schema = reply(
  { order_number: integer, transaction_number: integer, ...orderFacts },
  orderDetails,
);
export const orderReply: Schema = reply({ number: integer, ...orderFacts }, orderDetails);

export const errorReply: Schema = reply({ error: reply({ code: integer, reason: string, message: string }) });

export const leaderReply: Schema = reply({ leader: string, id: integer, port: integer, term: integer });

export function data(schema: Schema): Schema {
  return reply({ data: schema });
}

export function page(schema: Schema): Schema {
  return reply({ data: { type: "array", items: schema } }, { next: string });
}

/** A batch's slots: each as a single order's reply would be. */
export const batchReply: Schema = data({ type: "array", items: { oneOf: [data(placedReply), errorReply] } });
