import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  type ClusterFile,
  dataFormat,
  marketHash,
  nextReplicaOf,
  parseClusterFile,
  replicasOf,
} from "./cluster-file.ts";
import { takeBackForming } from "./replica-changes.ts";

const market = { name: "fruit", resource: "products", currency: "USD", sides: ["buy"], items: [] } as const;
const created: ClusterFile = {
  format: dataFormat,
  cluster: "0123456789abcdef0123456789abcdef",
  engine: "embedded",
  orders: 3,
  market,
  marketHash: marketHash(market),
};

test("a cluster has the replicas that it was created with, until others come", () => {
  assert.deepEqual(
    replicasOf(created).map(({ id }) => id),
    [1, 2, 3],
  );
  assert.equal(nextReplicaOf(created), 4);
});

test("a start takes back what was only forming, and spends its id all the same", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-forming-"));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "order-4"));
  mkdirSync(join(directory, "order-5"));
  const replicas = [
    ...replicasOf(created),
    { id: 4, standing: "joining" },
    { id: 5, standing: "forming" },
  ] as const;
  const kept = takeBackForming(directory, { ...created, replicas, nextReplica: 6 });
  assert.deepEqual(replicasOf(kept), replicas.slice(0, 4));
  assert.equal(nextReplicaOf(kept), 6);
  assert.deepEqual(
    [4, 5].map((id) => existsSync(join(directory, `order-${id}`))),
    [true, false],
  );
  const read = parseClusterFile(readFileSync(join(directory, "cluster.json"), "utf8"));
  assert.deepEqual(read, { kind: "valid", file: kept });
});
