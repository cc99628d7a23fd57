/**
 * Whoever reads text that people or programs write says what is wrong with it, and throws nothing: market files, history
 * lines, requests of the control socket, bodies and queries of the API.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseLine } from "../../src/check/line.ts";
import { readItemRequest } from "../../src/frontend/item-body.ts";
import { readBatchRequest, readOrderRequest } from "../../src/frontend/order-body.ts";
import { readConsistencyQuery, readCursor, readQuery, readSegment } from "../../src/frontend/query.ts";
import { RequestKeys } from "../../src/frontend/request-key.ts";
import { batchBody, itemBody, orderBody } from "../../src/frontend/schemas.ts";
import { builtinMarkets } from "../../src/market/builtin.ts";
import { definitionHash } from "../../src/market/codec.ts";
import { parseDefinition } from "../../src/market/definition-file.ts";
import { openShop } from "../../src/market/fixture.test-support.ts";
import { controlLimits, parseRequest } from "../../src/supervisor/control.ts";
import { LineReader } from "../../src/supervisor/lines.ts";
import { type CaseTarget, timed } from "./case-target.ts";
import { fromSchema, jsonBytes } from "./json.ts";
import { cuts, cutUp, mutated } from "./mutations.ts";

const words = ["Lamp", "rope", "Äpfel", "tux", "USD", "JPY", "products", "orders"];

const whole = { type: "integer", minimum: 0, maximum: 1_000 };
const text = { type: "string" };

function object(required: readonly string[], properties: object): Readonly<Record<string, unknown>> {
  return { type: "object", required, properties };
}

const listed = { ...text, enum: ["things", "wares"] };
const marketFile = object(["name", "resource", "items"], {
  name: text,
  resource: listed,
  currency: { ...text, enum: ["USD", "JPY", "BHD", "usd", "", "constructor"] },
  sides: { type: "array", items: { ...text, enum: ["buy", "sell", "both"] } },
  items: {
    type: "array",
    minItems: 1,
    items: object(["name", "quantity"], {
      name: text,
      title: text,
      topic: text,
      price: { type: "any" },
      priceMinor: whole,
      quantity: whole,
    }),
  },
  restock: object(["every", "when", "to"], { every: whole, when: whole, to: whole }),
  maxQuantity: whole,
  maxPerOrder: whole,
});

/** What is said to be a market can be one. */
function readMarketFile(value: unknown): boolean {
  const parsed = parseDefinition(value);
  if (!parsed.ok) {
    for (const { problem } of parsed.problems) assert.ok(problem.length > 3);
    assert.ok(parsed.problems.length > 0);
    return false;
  }
  definitionHash(parsed.definition);
  openShop(parsed.definition);
  return true;
}

const row = object(["item"], { item: text, quantity: whole, volume: whole, priceMinor: whole });
const historyLine = {
  oneOf: [
    object(["client", "op", "start", "end", "status"], {
      client: whole,
      op: { ...text, enum: ["order", "read", "query", "list"] },
      start: whole,
      end: { ...whole, minimum: 900 },
      status: { ...whole, enum: [200] },
      position: whole,
      item: text,
      side: { ...text, enum: ["buy", "sell"] },
      quantity: whole,
      key: text,
      number: whole,
      value: object([], { quantity: whole, volume: whole, priceMinor: whole }),
      rows: { type: "array", items: row },
      reason: text,
    }),
    object(["complete"], { complete: { type: "any" }, initial: { type: "array", items: row } }),
  ],
};

const controlLine = object(["verb"], {
  verb: {
    ...text,
    enum: ["status", "digests", "kill", "start", "pause", "resume", "repair", "watch", "down"],
  },
  name: { ...text, enum: ["order-1", "__proto__"] },
  stayDown: { type: "any" },
});

const lines = jsonBytes(fromSchema(controlLine, words)).map((bytes) => bytes.toString());

/** Lines, in pieces, through the reader that bounds them. */
function readControlLines(given: readonly string[], at: readonly number[]): boolean {
  const longest = controlLimits.requestBytes;
  let read = 0;
  let understood = 0;
  const reader = new LineReader(longest, (line) => {
    read++;
    const request = parseRequest(line);
    if (request === undefined) return;
    understood++;
    assert.equal(typeof request.verb, "string");
    if ("name" in request && request.verb === "kill") assert.equal(typeof request.name, "string");
  });
  const bytes = Buffer.from(given.map((line) => `${line}\n`).join(""));
  const took = cutUp(bytes, at).every((piece) => reader.push(Buffer.from(piece)));
  const joined = given.join("\n").split("\n");
  assert.equal(took, joined.every((line) => line.length <= longest) && read === joined.length);
  return understood > 0;
}

const keys = new RequestKeys("ab".repeat(32));
const samples = ["topic=a&limit=3", "atLeast=7&consistency=stale", "after=aTE", "x=%E0%A4%A&y=+"].map(
  (sample) => Buffer.from(sample),
);
const issued = Buffer.from(`${keys.issue(1 as never, 5)}`);

function readUrl(bytes: Uint8Array): boolean {
  const given = Buffer.from(bytes).toString("latin1");
  const query = readQuery(given, ["topic", "q", "limit", "after"]);
  readConsistencyQuery(given);
  readSegment(given);
  readCursor(given);
  keys.read(given);
  return !("status" in query);
}

/** A body that was refused is told why, shortly. */
function isRequest(read: object): boolean {
  if (!("status" in read)) return true;
  assert.equal(read.status, 400);
  assert.ok("message" in read && typeof read.message === "string" && read.message.length < 400);
  return false;
}

function target<T>(
  name: string,
  count: number,
  given: () => fc.Arbitrary<T>,
  /** Whether it was understood. */
  read: (value: T) => boolean,
): CaseTarget {
  const property = (took: () => void): fc.IRawProperty<unknown> =>
    fc.property(given(), (value) =>
      timed(() => {
        if (read(value)) took();
      }),
    ) as fc.IRawProperty<unknown>;
  return { name, unit: "texts", count, property };
}

export function textTargets(): CaseTarget[] {
  const books = builtinMarkets.get("books");
  return [
    target(
      "market/files",
      30_000,
      () => fc.oneof(fromSchema(marketFile, words), fc.constant(books)),
      readMarketFile,
    ),
    target(
      "check/lines",
      40_000,
      () => jsonBytes(fromSchema(historyLine, words)),
      (bytes) => parseLine(bytes.toString()).kind !== "bad",
    ),
    target(
      "supervisor/control",
      20_000,
      () => fc.tuple(fc.array(lines, { minLength: 1, maxLength: 5 }), cuts),
      ([given, at]) => readControlLines(given, at),
    ),
    target(
      "frontend/orders",
      30_000,
      () => fromSchema(orderBody, words),
      (body) => isRequest(readOrderRequest(body)),
    ),
    target(
      "frontend/batches",
      10_000,
      () => fromSchema(batchBody, words),
      (body) => isRequest(readBatchRequest(body)),
    ),
    target(
      "frontend/items",
      20_000,
      () => fromSchema(itemBody, words),
      (body) => isRequest(readItemRequest(body)),
    ),
    target("frontend/urls", 40_000, () => mutated([...samples, issued]), readUrl),
  ];
}
