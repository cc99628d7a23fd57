import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { judgeHistory } from "./judge.ts";

const order = {
  client: 1,
  op: "order",
  start: 10,
  end: 20,
  item: "north-01",
  side: "buy",
  quantity: 2,
  key: "a",
  status: 200,
  position: 5,
  number: 0,
  value: { priceMinor: 100 },
};
const read = (quantity: number, position: number): unknown => {
  const value = { quantity, volume: position === 5 ? 2 : 0, priceMinor: 100 };
  return { client: 2, op: "read", start: 30, end: 40, item: "north-01", status: 200, position, value };
};

function history(t: TestContext, ...operations: readonly unknown[]): string {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-judge-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "history.jsonl");
  const initial = [{ item: "north-01", quantity: 10, volume: 0, priceMinor: 100 }];
  const lines = [{ complete: true, initial }, ...operations].map((line) => `${JSON.stringify(line)}\n`);
  writeFileSync(file, lines.join(""));
  return file;
}

test("a history in which every read shows what was acknowledged before is no anomaly", async (t) => {
  const judged = await judgeHistory(history(t, order, read(8, 5)));
  assert.deepEqual(judged, { operations: 2, unknown: 0, undecided: [], anomalies: [] });
});

test("a read that misses an acknowledged order is one, to both checkers", async (t) => {
  const { anomalies } = await judgeHistory(history(t, order, read(10, 0)));
  assert.equal(anomalies.length, 1);
  assert.match(anomalies[0] ?? "", /real-time-read/);
  assert.match(anomalies[0] ?? "", /1 items, \d+ configurations, illegal/);
});

test("a file that is no history is one", async (t) => {
  const { anomalies } = await judgeHistory(history(t, { client: "nobody" }));
  assert.match(anomalies[0] ?? "", /not a history/);
});
