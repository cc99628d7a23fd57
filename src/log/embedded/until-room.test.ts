import assert from "node:assert/strict";
import { test } from "node:test";
import { untilRoom } from "./until-room.ts";
import { fullDisk } from "./wal/room.ts";

test("what finds no room is tried again until it does, and the wait is told once", async () => {
  let tries = 0;
  let told = 0;
  const run = async (): Promise<void> => {
    if (++tries < 3) throw fullDisk("no room");
  };
  assert.equal(await untilRoom(run, { onFull: () => told++ }), true);
  assert.deepEqual([tries, told], [3, 1]);
});

test("any other failure is not waited out", async () => {
  await assert.rejects(
    untilRoom(() => Promise.reject(new Error("broken"))),
    /broken/,
  );
  const ended = new Promise<void>(() => {});
  await assert.rejects(
    untilRoom(() => Promise.reject(new Error("broken")), { ended }),
    /broken/,
  );
});

test("who waits for room gives up when it is ended", async () => {
  const ended = Promise.withResolvers<void>();
  const run = (): Promise<void> => {
    ended.resolve();
    return Promise.reject(fullDisk("no room"));
  };
  assert.equal(await untilRoom(run, { ended: ended.promise }), false);
});
