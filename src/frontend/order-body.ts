/**
 * The bodies of `POST /orders` and `POST /orders/batch`, from parsed JSON to the market's command, without coercion:
 * what is not exactly right is refused with what, why and what to do. Written by hand because it runs for every
 * order; `schemas.ts` says the same for the API's description and a test holds the two together.
 */
import { requestLimits } from "../base/limits.ts";
import { itemId } from "../base/units.ts";
import type { LineRequest, PlaceCommand } from "../market/command.ts";
import type { Side } from "../market/definition.ts";
import { malformed, type Problem, shown } from "./problem.ts";
import { readText } from "./texts.ts";

/** An order as asked for, without its request id. */
export type OrderRequest = Omit<PlaceCommand, "id" | "kind">;

const { quantityMin, quantityMax, linesPerOrder, ordersPerBatch, priceMinorMax, itemsMax } = requestLimits;
const grouped = (value: number): string => value.toLocaleString("en-US");

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown, low: number, high: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= low && value <= high;
}

function wrongQuantity(field: string, value: unknown): Problem {
  return malformed(
    `${field} must be a whole number from ${quantityMin} to ${grouped(quantityMax)}; got ${shown(value)}`,
  );
}

function readSide(value: unknown): Side | Problem {
  if (value === undefined || value === "buy") return "buy";
  if (value === "sell") return "sell";
  return malformed(`type must be "buy" or "sell"; got ${shown(value)}`);
}

/** The first field that an order, or a line, does not have. */
function unknownField(
  fields: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
): string | undefined {
  for (const field of Object.keys(fields)) if (!known.has(field)) return field;
  return undefined;
}

const orderFields: ReadonlySet<string> = new Set([
  "name",
  "quantity",
  "type",
  "lines",
  "reference",
  "customer",
]);
const lineFields: ReadonlySet<string> = new Set(["name", "id", "quantity", "maxPriceMinor", "minPriceMinor"]);

export function readOrderRequest(body: unknown): OrderRequest | Problem {
  if (!isObject(body))
    return malformed(`the body must be a JSON object with name and quantity, or lines; got ${shown(body)}`);
  const unknown = unknownField(body, orderFields);
  if (unknown !== undefined)
    return malformed(
      `${shown(unknown)} is not a field of an order; leave it out (known: ${[...orderFields].join(", ")})`,
    );
  const side = readSide(body.type);
  if (typeof side !== "string") return side;
  const single = body.lines === undefined;
  const lines = single ? readSingle(body) : readLines(body, side);
  if ("status" in lines) return lines;
  const order = { side, shape: single ? ("single" as const) : ("lines" as const), lines };
  if (body.reference === undefined && body.customer === undefined) return order;
  return withTexts(order, body);
}

function withTexts(order: OrderRequest, body: Readonly<Record<string, unknown>>): OrderRequest | Problem {
  const texts: { reference?: string; customer?: string } = {};
  for (const field of ["reference", "customer"] as const) {
    if (body[field] === undefined) continue;
    const text = readText(field, body[field]);
    if (typeof text !== "string") return text;
    texts[field] = text;
  }
  return { ...order, ...texts };
}

function readSingle(body: Readonly<Record<string, unknown>>): readonly LineRequest[] | Problem {
  const name = readText("name", body.name);
  if (typeof name !== "string") return name;
  const quantity = body.quantity;
  if (!isWhole(quantity, quantityMin, quantityMax)) return wrongQuantity("quantity", quantity);
  return [{ item: { kind: "name", name }, quantity }];
}

function readLines(body: Readonly<Record<string, unknown>>, side: Side): readonly LineRequest[] | Problem {
  if (body.name !== undefined || body.quantity !== undefined)
    return malformed("an order has either name and quantity or lines, not both; leave one of them out");
  const lines = body.lines;
  if (!Array.isArray(lines) || lines.length < 1 || lines.length > linesPerOrder) {
    const got = Array.isArray(lines) ? `${lines.length} lines` : shown(lines);
    return malformed(`lines must be a list of 1 to ${linesPerOrder} lines; got ${got}`);
  }
  const read: LineRequest[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = readLine(`lines[${i}]`, lines[i], side);
    if ("status" in line) return line;
    read.push(line);
  }
  return read;
}

function readLine(path: string, value: unknown, side: Side): LineRequest | Problem {
  if (!isObject(value))
    return malformed(`${path} must be an object with name or id, and quantity; got ${shown(value)}`);
  const unknown = unknownField(value, lineFields);
  if (unknown !== undefined)
    return malformed(
      `${shown(unknown)} is not a field of ${path}; leave it out (known: ${[...lineFields].join(", ")})`,
    );
  const item = readLineItem(path, value.name, value.id);
  if ("status" in item) return item;
  const quantity = value.quantity;
  if (!isWhole(quantity, quantityMin, quantityMax)) return wrongQuantity(`${path}.quantity`, quantity);
  const [guard, other] =
    side === "buy"
      ? (["maxPriceMinor", "minPriceMinor"] as const)
      : (["minPriceMinor", "maxPriceMinor"] as const);
  if (value[other] !== undefined)
    return malformed(`${path}.${other} guards no order of type ${side}; use ${guard} or leave it out`);
  const limitMinor = value[guard];
  if (limitMinor === undefined) return { item, quantity };
  if (!isWhole(limitMinor, 0, priceMinorMax))
    return malformed(
      `${path}.${guard} must be a whole number from 0 to ${grouped(priceMinorMax)}; got ${shown(limitMinor)}`,
    );
  return { item, quantity, limitMinor };
}

function readLineItem(path: string, name: unknown, id: unknown): LineRequest["item"] | Problem {
  if ((name === undefined) === (id === undefined))
    return malformed(
      `${path} must have either name or id${id === undefined ? "; it has neither" : ", not both"}`,
    );
  if (id === undefined) {
    const text = readText(`${path}.name`, name);
    return typeof text === "string" ? { kind: "name", name: text } : text;
  }
  if (!isWhole(id, 1, itemsMax))
    return malformed(`${path}.id must be a whole number from 1 to ${grouped(itemsMax)}; got ${shown(id)}`);
  return { kind: "id", id: itemId(id) };
}

/** The orders of a batch, each checked. One that is malformed makes the whole batch malformed: nothing of it happens. */
export function readBatchRequest(body: unknown): readonly OrderRequest[] | Problem {
  if (!isObject(body)) return malformed(`the body must be a JSON object with orders; got ${shown(body)}`);
  const unknown = unknownField(body, new Set(["orders"]));
  if (unknown !== undefined)
    return malformed(`${shown(unknown)} is not a field of a batch; leave it out (known: orders)`);
  const orders = body.orders;
  if (!Array.isArray(orders) || orders.length < 1 || orders.length > ordersPerBatch) {
    const got = Array.isArray(orders) ? `${orders.length} orders` : shown(orders);
    return malformed(`orders must be a list of 1 to ${grouped(ordersPerBatch)} orders; got ${got}`);
  }
  const read: OrderRequest[] = [];
  for (let i = 0; i < orders.length; i++) {
    const order = readOrderRequest(orders[i]);
    if ("status" in order) return { ...order, message: `orders[${i}]: ${order.message}` };
    read.push(order);
  }
  return read;
}
