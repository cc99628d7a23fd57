import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../base/random.ts";
import type { ClusterStatus } from "../wire/process.ts";
import { type Target, targets } from "./fault-kinds.ts";
import { planLinks } from "./links.ts";
import { NoVictim, strikesProcesses, victimsOf } from "./victims.ts";

const roles = { "order-1": "order", "order-2": "order", "order-3": "order" } as const;
const others = { "catalog-1": "catalog", "frontend-1": "frontend", "frontend-2": "frontend" } as const;

function cluster(leader: string | null, down: readonly string[] = []): ClusterStatus {
  const processes = Object.entries({ ...roles, ...others }).map(([name, role], i) => {
    const up = !down.includes(name);
    const life = up ? "ready" : "down";
    return { name, role, id: i, pid: i + 1, address: "127.0.0.1", port: 1, up, life, restarts: 0 } as const;
  });
  return { market: "wares", resource: "wares", engine: "embedded", leader, term: 1, processes };
}

function names(target: Target, status: ClusterStatus, busy: readonly string[] = []): Set<string> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    for (const { name } of victimsOf(target, status, new Set(busy), seededRandom(seed))) seen.add(name);
  }
  return seen;
}

test("a fault of the leader strikes who leads, one of a follower any other replica", () => {
  assert.deepEqual(names("leader", cluster("order-2")), new Set(["order-2"]));
  assert.deepEqual(names("follower", cluster("order-2")), new Set(["order-1", "order-3"]));
  assert.deepEqual(names("all replicas", cluster("order-2")), new Set(Object.keys(roles)));
});

test("who is down or busy is not struck, and nobody at all if one whom the fault means is missing", () => {
  assert.deepEqual(names("follower", cluster("order-2", ["order-1"])), new Set(["order-3"]));
  assert.deepEqual(names("front-end", cluster("order-2"), ["frontend-1"]), new Set(["frontend-2"]));
  assert.throws(() => names("leader", cluster(null)), NoVictim);
  assert.throws(() => names("follower and catalog", cluster("order-1"), ["catalog-1"]), NoVictim);
});

test("every target strikes somebody in a whole market, and its links, space and clock leave processes alone", () => {
  for (const target of Object.keys(targets) as Target[]) {
    assert.ok(names(target, cluster("order-3")).size > 0, target);
  }
  assert.ok(strikesProcesses("leader"));
  assert.ok(strikesProcesses("all"));
  assert.ok(!strikesProcesses("leader's links"));
  assert.ok(!strikesProcesses("everybody's clock"));
});

test("links are cut one or all, one way or both; slow ones are not cut", () => {
  const peers = ["order-2", "order-3", "frontend-1"];
  const plan = (kind: Parameters<typeof planLinks>[0]) => planLinks(kind, "order-1", peers, seededRandom(1));
  assert.equal(plan("cut-link").cuts.length, 2);
  assert.equal(plan("cut-one-way").cuts.length, 1);
  assert.equal(plan("isolate").cuts.length, 6);
  const oneWay = plan("isolate-one-way").cuts;
  assert.equal(oneWay.length, 3);
  assert.ok(oneWay.every(({ from }) => from === "order-1") || oneWay.every(({ to }) => to === "order-1"));
  const { cuts, slow } = plan("slow-links");
  assert.deepEqual(cuts, []);
  assert.ok(slow !== undefined && slow.delayMs >= 5 && slow.delayMs <= 400 && slow.loss === 0);
});
