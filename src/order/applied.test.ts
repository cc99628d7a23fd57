import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, position } from "../base/units.ts";
import { Applied } from "./applied.ts";

test("a step ahead over many entries wakes whoever waited for one of them, and nobody else", async () => {
  const applied = new Applied(logIndex(3), position(10));
  const reached: string[] = [];
  for (const index of [3, 5, 90, 91]) {
    applied.whenIndex(logIndex(index)).then(
      () => reached.push(`index ${index}`),
      () => reached.push(`gave index ${index} up`),
    );
  }
  const waits = applied.whenPosition(position(500));
  applied.advance(logIndex(90), position(700));
  await waits;
  assert.deepEqual([applied.index, applied.position], [90, 700]);
  assert.deepEqual(reached, ["index 3", "index 5", "index 90"]);
  applied.close();
  await assert.rejects(applied.whenIndex(logIndex(91)), { code: "unavailable" });
  await assert.rejects(applied.whenPosition(position(701)), { code: "unavailable" });
  assert.deepEqual(reached.at(-1), "gave index 91 up");
});
