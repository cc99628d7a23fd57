import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { formatVerdict, verdictExitCode, verifyHistory } from "./main.ts";

const order = `{"client":1,"op":"order","start":0,"end":10,"item":"FishCo","side":"buy","quantity":2,"key":"a","status":200,"position":5,"number":0,"value":{"priceMinor":1799}}`;
const read = `{"client":2,"op":"read","start":20,"end":30,"item":"FishCo","status":200,"position":5,"value":{"quantity":98,"volume":2,"priceMinor":1799}}`;
const stale = read.replace(`"position":5`, `"position":4`);
const header = `{"complete":true,"initial":[{"item":"FishCo","quantity":100,"volume":0,"priceMinor":1799}]}`;

const verify = (...lines: string[]) => verifyHistory(Readable.from([lines.join("\n")]));

test("a good history is accepted with its counts", async () => {
  const result = await verify(header, order, read);
  assert(result.kind === "ok");
  assert.equal(result.operations, 2);
  assert.equal(result.complete, true);
  assert.equal(verdictExitCode(result), 0);
  assert.match(formatVerdict(result), /^ok: 2 operations \(1 orders/);
});

test("a violation is told with its rule and a picture of the operations by client", async () => {
  const result = await verify(order, stale);
  assert(result.kind === "illegal");
  assert.equal(result.violations[0]?.rule, "real-time-read");
  assert.equal(verdictExitCode(result), 3);
  const text = formatVerdict(result);
  assert.match(text, /^client 1 {2}\|-+A-+\|$/m);
  assert.match(text, /^client 2 {2} +\|-+B-+\|$/m);
  assert.match(text, /^A \* order FishCo buy 2 → status 200, position 5, number 0/m);
});

test("bad lines are told by number and reason, and nothing is judged", async () => {
  const result = await verify(
    header,
    order,
    "{",
    `{"client":1,"op":"read","start":5,"end":3,"item":"FishCo","status":200,"position":1}`,
    `{"client":1,"op":"order","start":5,"end":null,"item":"FishCo","side":"buy","quantity":0,"status":null}`,
    `{"client":1,"op":"read","start":5,"end":6,"item":"FishCo","status":200}`,
    header,
  );
  assert(result.kind === "unreadable");
  assert.deepEqual(result.badLines, [
    { line: 3, reason: "not JSON" },
    { line: 4, reason: `"end" is before "start"` },
    { line: 5, reason: `an order needs its "quantity", from 1` },
    { line: 6, reason: `a read that was answered needs its "position"` },
    { line: 7, reason: "a header that is not the first line" },
  ]);
  assert.equal(verdictExitCode(result), 1);
});

test("rows of a list are read, and judged by the list's position", async () => {
  const list = `{"client":2,"op":"list","start":20,"end":30,"status":200,"position":5,"rows":[{"item":"FishCo","quantity":98,"volume":2,"priceMinor":1799}]}`;
  const result = await verify(header, order, list);
  assert(result.kind === "ok");
  assert.deepEqual([result.operations, result.lists, result.reads], [2, 1, 0]);
  const older = await verify(order, list.replace(`"position":5`, `"position":4`));
  assert(older.kind === "illegal");
  assert.deepEqual(
    older.violations.map(({ rule }) => rule),
    ["older-list"],
  );
  const bad = await verify(
    list.replace(`"position":5,`, ""),
    list.replace(`"item":"FishCo",`, ""),
    list.replace(`"volume":2`, `"volume":2.5`),
    read.replace(`"value"`, `"rows":[],"value"`),
  );
  assert(bad.kind === "unreadable");
  assert.deepEqual(
    bad.badLines.map(({ reason }) => reason),
    [
      `a list with "rows" needs its "position"`,
      `"rows" needs each row's "item"`,
      `"rows": "volume" must be a whole number`,
      `only a list has "rows"`,
    ],
  );
});

test("null stands for an absent field", async () => {
  const nulls = `{"client":1,"op":"order","start":0,"end":null,"item":"FishCo","side":"buy","quantity":1,"key":null,"status":null,"position":null,"number":null,"value":null,"reason":null}`;
  const result = await verify(order, nulls, read);
  assert(result.kind === "ok");
  assert.equal(result.unknown, 1);
});

test("a file that cannot be read is an error", async () => {
  await assert.rejects(verifyHistory("/nonexistent/history.jsonl"), { code: "ENOENT" });
});

test("a history that says that it has no positions is read without them, and judged by the search alone", async () => {
  const header = {
    complete: true,
    positions: false,
    initial: [{ item: "FishCo", quantity: 10, volume: 0, priceMinor: 1_799 }],
  };
  const told = { client: 1, item: "FishCo", status: 200 };
  const order = { ...told, op: "order", side: "buy", quantity: 4, number: 0, start: 1, end: 2 };
  const read = (quantity: number) => ({ ...told, op: "read", value: { quantity }, start: 3, end: 4 });
  const judged = async (...lines: readonly object[]) =>
    (await verify(...lines.map((line) => JSON.stringify(line)))).kind;
  assert.equal(await judged(header, order, read(6)), "ok");
  assert.equal(await judged(header, order, read(10)), "illegal");
  assert.equal(await judged({ ...header, positions: true }, order, read(6)), "unreadable");
});

test("a history that only the search rejects is illegal, with the order that came furthest", async () => {
  const gone = read.replace(`"status":200,"position":5`, `"status":404`).replace(/,"value".*/, "}");
  const result = await verify(header, order, gone);
  assert(result.kind === "illegal");
  assert.deepEqual(
    result.violations.map(({ rule }) => rule),
    ["linearizable"],
  );
  assert.equal(result.linearizable?.kind, "illegal");
  assert.equal(verdictExitCode(result), 3);
  assert.match(formatVerdict(result), /order FishCo buy 2 .* +quantity 98, volume 2, 1 order\n/);
});

test("the smallest history of the first violation is a history itself, and is rejected as well", async () => {
  const others = [11, 12, 13].map((start) => read.replace(`"start":20`, `"start":${start}`));
  const source = Readable.from([[header, order, ...others, stale].join("\n")]);
  const result = await verifyHistory(source, { smallest: true });
  assert(result.kind === "illegal");
  assert(result.smallest !== undefined && result.smallest.operations.length === 2);
  const [, told = ""] = formatVerdict(result).split("in 2 operations:\n");
  const [lines = ""] = told.split("\n\n");
  const again = await verify(...lines.split("\n"));
  assert.equal(again.kind, "illegal");
});

test("a search that was asked for and gave up is no success; one that was not asked for is told", async () => {
  const result = await verifyHistory(Readable.from([order]), { linearizable: true });
  assert(result.kind === "ok" && result.linearizable !== undefined);
  assert.equal(verdictExitCode(result), 0);
  const asked = await verifyHistory(Readable.from([busy()]), { linearizable: true });
  assert(asked.kind === "undecided");
  assert.equal(verdictExitCode(asked), 1);
  const unasked = await verifyHistory(Readable.from([busy()]));
  assert(unasked.kind === "ok");
  assert.match(
    formatVerdict(unasked),
    /^ok: .*\n.*undecided\nUNDECIDED: FishCo, given up; this is no verdict\n$/s,
  );
});

/** Hundreds of orders of unknown outcome, and a refusal that they explain in more ways than can be tried. */
function busy(): string {
  const lost = Array.from({ length: 300 }, (_, i) => {
    const asked = {
      client: i,
      op: "order",
      item: "FishCo",
      side: i % 2 === 0 ? "buy" : "sell",
      key: `k${i}`,
    };
    return { ...asked, quantity: 2 * (1 + (i % 97)), start: 0, end: null, status: null };
  });
  const asked = { client: 1, op: "order", item: "FishCo", side: "buy", quantity: 9_999, key: "odd" };
  const refusal = { ...asked, start: 5, end: 6, status: 409, position: 9, reason: "insufficient-stock" };
  const told = { ...refusal, value: { quantity: 101 } };
  return [header, ...lost.map((one) => JSON.stringify(one)), JSON.stringify(told)].join("\n");
}
