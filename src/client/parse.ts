/**
 * The client's edge: bodies of replies become typed values here and nowhere else. A body that is not what the public
 * API says throws `MalformedReply`; unknown fields are ignored.
 */
import type { Cluster, ClusterProcess, Item, Leader, Order, OrderLine, Placed, Refused } from "./types.ts";

export class MalformedReply extends Error {
  override readonly name = "MalformedReply";
}

type Fields = { readonly [name: string]: unknown };

function fields(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MalformedReply(`${what} is not an object`);
  }
  return value as Fields;
}

function integer(from: Fields, name: string): number {
  const value = from[name];
  if (!Number.isSafeInteger(value)) throw new MalformedReply(`"${name}" is not a whole number`);
  return value as number;
}

function text(from: Fields, name: string): string {
  const value = from[name];
  if (typeof value !== "string") throw new MalformedReply(`"${name}" is not a string`);
  return value;
}

function optionalText(from: Fields, name: string): string | undefined {
  const value = from[name];
  return typeof value === "string" ? value : undefined;
}

function optionalInteger(from: Fields, name: string): number | undefined {
  const value = from[name];
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedReply(`${what} is not a list`);
  return value;
}

/** The envelope: `{"data": …}` or `{"error": …}`. */
export function parseBody(body: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new MalformedReply(`not JSON: ${body.slice(0, 200)}`, { cause });
  }
  return fields(value, "the body");
}

export function parseItem(value: unknown): Item {
  const item = fields(value, "an item");
  return {
    id: integer(item, "id"),
    name: text(item, "name"),
    title: optionalText(item, "title"),
    topic: optionalText(item, "topic"),
    priceMinor: integer(item, "priceMinor"),
    currency: text(item, "currency"),
    quantity: integer(item, "quantity"),
    volume: integer(item, "volume"),
  };
}

export function parseItems(value: unknown): Item[] {
  return list(value, "the list of items").map(parseItem);
}

function parseLine(value: unknown): OrderLine {
  const line = fields(value, "a line");
  return {
    id: integer(line, "id"),
    name: text(line, "name"),
    quantity: integer(line, "quantity"),
    priceMinor: integer(line, "priceMinor"),
  };
}

/** An order as answered (`order_number`) or as queried (`number`). */
export function parseOrder(value: unknown): Order {
  const order = fields(value, "an order");
  const side = order.type;
  if (side !== "buy" && side !== "sell") throw new MalformedReply(`"type" is neither buy nor sell`);
  return {
    number: "number" in order ? integer(order, "number") : integer(order, "order_number"),
    side,
    status: text(order, "status"),
    lines: list(order.lines, `"lines"`).map(parseLine),
    totalMinor: integer(order, "totalMinor"),
    currency: text(order, "currency"),
    reference: optionalText(order, "reference"),
    customer: optionalText(order, "customer"),
    at: String(order.at),
  };
}

export function parseRefusal(value: unknown, status: number): Refused {
  const error = fields(value, `"error"`);
  return {
    kind: "refused",
    reason: text(error, "reason"),
    message: optionalText(error, "message") ?? "",
    status: optionalInteger(error, "code") ?? status,
    available: optionalInteger(error, "available"),
  };
}

/** One place of a batch's answer. */
function parseBatchEntry(value: unknown): Placed | Refused {
  const entry = fields(value, "an answer of the batch");
  if ("error" in entry) return parseRefusal(entry.error, 400);
  return { kind: "placed", order: parseOrder(entry.data) };
}

export function parseBatch(value: unknown): (Placed | Refused)[] {
  return list(value, "the batch's answer").map(parseBatchEntry);
}

export function parseLeader(value: unknown): Leader {
  const leader = fields(value, "the leader");
  return {
    leader: text(leader, "leader"),
    id: integer(leader, "id"),
    port: optionalInteger(leader, "port"),
    term: optionalInteger(leader, "term"),
  };
}

function parseProcess(value: unknown): ClusterProcess {
  const facts = fields(value, "a process");
  return { ...facts, name: text(facts, "name"), role: text(facts, "role"), up: facts.up === true };
}

export function parseCluster(value: unknown): Cluster {
  const cluster = fields(value, "the cluster");
  return {
    ...cluster,
    market: text(cluster, "market"),
    leader: optionalText(cluster, "leader"),
    processes: list(cluster.processes, `"processes"`).map(parseProcess),
  };
}
