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
