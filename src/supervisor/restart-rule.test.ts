import assert from "node:assert/strict";
import { test } from "node:test";
import { afterExit, noRestarts, type RestartHistory, restartTimes } from "./restart-rule.ts";

function delays(readyForMs: number | undefined, count: number): (number | "give-up")[] {
  let history: RestartHistory = noRestarts;
  const seen: (number | "give-up")[] = [];
  for (let i = 0; i < count; i++) {
    const decision = afterExit(history, readyForMs);
    if (decision.kind === "give-up") return [...seen, "give-up"];
    seen.push(decision.afterMs);
    history = decision.history;
  }
  return seen;
}

test("a process that keeps dying soon after it was ready is restarted at once, then ever later, without end", () => {
  assert.deepEqual(delays(500, 9), [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

test("a process that never gets ready is given up at the fifth exit", () => {
  assert.deepEqual(delays(undefined, 9), [0, 100, 200, 400, "give-up"]);
});

test("ten seconds of being ready wipe the slate clean", () => {
  const late = { delayMs: 5_000, exitsBeforeReady: 0 };
  assert.deepEqual(afterExit(late, restartTimes.settledMs), {
    kind: "restart",
    afterMs: 0,
    history: { delayMs: 100, exitsBeforeReady: 0 },
  });
  assert.deepEqual(afterExit(late, restartTimes.settledMs - 1), {
    kind: "restart",
    afterMs: 5_000,
    history: { delayMs: 5_000, exitsBeforeReady: 0 },
  });
});

test("having been ready, however shortly, restarts the count towards giving up", () => {
  const decision = afterExit({ delayMs: 100, exitsBeforeReady: 4 }, 1);
  assert.equal(decision.kind === "restart" && decision.history.exitsBeforeReady, 0);
});
