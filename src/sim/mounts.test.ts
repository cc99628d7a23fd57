import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { seededRandom } from "../base/random.ts";
import { SimDisk } from "./disk.ts";
import {
  diskOf,
  endRefilling,
  leaveMark,
  mount,
  openSqliteStore,
  StoreDamage,
  simFiles,
  stillRefilling,
  unmountAll,
} from "./mounts.ts";
import { VirtualTime } from "./virtual-time.test-support.ts";

afterEach(unmountAll);

const newDisk = (seed: number): SimDisk =>
  new SimDisk({ random: seededRandom(seed), after: new VirtualTime().after });

test("a path leads to the disk that is mounted nearest above it", () => {
  const [one, ten, inner, root] = [newDisk(1), newDisk(2), newDisk(3), newDisk(4)];
  mount("/order-1", one);
  mount("/order-10", ten);
  mount("/order-1/log", inner);
  assert.equal(diskOf("/order-1"), one);
  assert.equal(diskOf("/order-1/logs/x"), one);
  assert.equal(diskOf("/order-10/log"), ten);
  assert.equal(diskOf("/order-1/log/segment"), inner);
  assert.throws(() => diskOf("/order-2"), /a disk for \/order-2/);
  mount("/", root);
  assert.equal(diskOf("/order-2"), root);
  assert.throws(() => mount("/order-1", one), /is mounted/);
});

test("files and stores are those of the machine whose directory they are in", async () => {
  const [one, two] = [newDisk(1), newDisk(2)];
  mount("/order-1", one);
  mount("/order-2", two);
  await (await simFiles.open("/order-1/log/x", "new")).close();
  assert.deepEqual(await simFiles.list("/order-1/log"), ["x"]);
  assert.deepEqual(await simFiles.list("/order-2/log"), []);
  const options = { identity: { cluster: "c", replica: 1 }, create: false, onFatal: () => {} };
  const first = await openSqliteStore({ dir: "/order-1", ...options });
  const second = await openSqliteStore({ dir: "/order-2", ...options });
  await first.store.close();
  await second.store.close();
  leaveMark("/order-1", new StoreDamage("bad"));
  const again = await openSqliteStore({ dir: "/order-1", ...options });
  assert.equal(again.setAside?.reason, "bad");
  assert.deepEqual(stillRefilling("/order-1"), again.setAside);
  assert.equal(stillRefilling("/order-2"), undefined);
  endRefilling("/order-1");
  assert.equal(stillRefilling("/order-1"), undefined);
});
