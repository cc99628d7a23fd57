/** When a replica may build its store anew, and what is refused in which words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterStatus } from "../wire/process.ts";
import { repairRefusal } from "./repair.ts";

type Row = ClusterStatus["processes"][number];

function row(name: string, given: Partial<Row> = {}): Row {
  const role = name.startsWith("order-") ? "order" : "frontend";
  const place = { pid: 1, address: "127.0.0.1", port: 1, restarts: 0 };
  return { name, role, id: 1, ...place, up: true, life: "ready", state: "follower", ...given };
}

function cluster(...processes: Row[]): ClusterStatus {
  const market = { market: "stocks", resource: "stocks", engine: "embedded" };
  return { ...market, leader: "order-3", term: 1, processes };
}

const others = [row("order-2"), row("order-3", { state: "leader" })];

test("a replica can be repaired while all others are up, whatever its own state is", () => {
  for (const own of [row("order-1"), row("order-1", { up: false, life: "failed" })]) {
    assert.equal(repairRefusal(cluster(own, ...others, row("frontend-1")), "order-1"), undefined);
  }
});

test("while another one is down, paused, recovering or silent nothing is repaired, and it is named", () => {
  const { state: _, ...silent } = row("order-2");
  const cases: readonly [Row, RegExp][] = [
    [row("order-2", { up: false, life: "down" }), /order-2 is down/],
    [row("order-2", { up: false, life: "paused" }), /order-2 is paused/],
    [row("order-2", { state: "recovering" }), /order-2 is recovering/],
    [silent, /order-2 is silent/],
  ];
  for (const [broken, words] of cases) {
    const refusal = repairRefusal(cluster(row("order-1"), broken, row("order-3")), "order-1");
    assert.match(refusal ?? "", words);
  }
});

test("a replica without which there is no majority is not repaired", () => {
  assert.match(repairRefusal(cluster(row("order-1")), "order-1") ?? "", /no majority of 1/);
});

test("what has no store is not repaired", () => {
  const refusal = repairRefusal(cluster(row("order-1"), ...others, row("frontend-1")), "frontend-1");
  assert.match(refusal ?? "", /frontend-1 is no order replica.*order-1, order-2, order-3/);
});
