/** What a shop records of a service is a history that the checker can judge. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { verifyHistory } from "../src/check/main.ts";
import { type FakeOptions, startFakeService } from "../src/client/fake-service.test-support.ts";
import { startShop } from "../src/shopper/main.ts";

async function shopAndVerify(t: TestContext, options: FakeOptions, deadlineMs = 30_000) {
  const folder = await mkdtemp(join(tmpdir(), "bazaar-history-"));
  t.after(() => rm(folder, { recursive: true }));
  const service = await startFakeService(options);
  t.after(() => service.close());
  const record = join(folder, "history.jsonl");
  const report = await startShop({
    url: service.url,
    clients: 6,
    iterations: 60,
    record,
    alone: true,
    deadlineMs,
  }).done;
  return { report, verdict: await verifyHistory(record) };
}

test("a shop's recording of an honest service is accepted, values exact", async (t) => {
  const { report, verdict } = await shopAndVerify(t, { quantity: 100 });
  assert(verdict.kind === "ok", JSON.stringify(verdict));
  assert.equal(verdict.orders, report.ordersPlaced);
  assert.equal(verdict.complete, true);
});

test("so is one of a service that loses connections and leaves outcomes unknown", async (t) => {
  let posts = 0;
  let lostKey: string | undefined;
  const { report, verdict } = await shopAndVerify(
    t,
    {
      quantity: 100,
      fault: ({ method, key }) => {
        if (method !== "POST") return undefined;
        posts++;
        if (posts === 40) lostKey = key;
        if (key === lostKey || posts % 7 === 0) return { kind: "drop-after" };
        return undefined;
      },
    },
    400,
  );
  assert(report.retriesLost > 0);
  assert(report.ordersUnknown > 0);
  assert(verdict.kind === "ok", JSON.stringify(verdict));
  assert.equal(verdict.unknown, report.ordersUnknown);
});

test("a service that shows an old position is rejected", async (t) => {
  let reads = 0;
  const { verdict } = await shopAndVerify(t, {
    readPosition: (item) => (++reads === 200 ? item.position - 1 : item.position),
  });
  assert(verdict.kind === "illegal");
});
