import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AttemptOutcome } from "./exchange.ts";
import { backOffMs, retryCause, waitBeforeRetryMs } from "./retry.ts";

function answered(status: number, retryAfterMs?: number): AttemptOutcome {
  return {
    kind: "answered",
    status,
    body: "",
    position: undefined,
    replayed: false,
    cache: undefined,
    retryAfterMs,
  };
}

test("only lost connections, 503, 504 and 429 are worth another attempt", () => {
  assert.equal(
    retryCause({ kind: "lost", definite: false, silent: false, cause: new Error("reset") }),
    "lost",
  );
  assert.equal(retryCause(answered(503)), "503");
  assert.equal(retryCause(answered(504)), "504");
  assert.equal(retryCause(answered(429)), "429");
  for (const status of [200, 400, 401, 404, 409, 422, 500])
    assert.equal(retryCause(answered(status)), undefined);
});

test("waits grow to a bound, and Retry-After is never undercut", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempts, jitter) => {
        const wait = waitBeforeRetryMs(answered(503), attempts, () => jitter);
        assert(wait > 0 && wait <= backOffMs.last);
        assert(waitBeforeRetryMs(answered(503, 2_000), attempts, () => jitter) >= 2_000);
      },
    ),
  );
});
