import assert from "node:assert/strict";
import { test } from "node:test";
import { untilRoom, untilRoomOrEnd } from "./until-room.ts";
import { fullDisk } from "./wal/room.ts";

test("what finds no room is tried again until it does, and the wait is told once", async () => {
  let tries = 0;
  let told = 0;
  const run = async (): Promise<number> => {
    if (++tries < 3) throw fullDisk("no room");
    return tries;
  };
  assert.equal(await untilRoom(run, () => told++), 3);
  assert.equal(told, 1);
});

test("any other failure is not waited out", async () => {
  await assert.rejects(
    untilRoom(() => Promise.reject(new Error("broken"))),
    /broken/,
  );
  const never = Promise.withResolvers<void>();
  await assert.rejects(
    untilRoomOrEnd(() => Promise.reject(new Error("broken")), never.promise),
    /broken/,
  );
});

test("who waits for room gives up when it is ended", async () => {
  const ended = Promise.withResolvers<void>();
  const waiting = untilRoomOrEnd(() => {
    ended.resolve();
    return Promise.reject(fullDisk("no room"));
  }, ended.promise);
  assert.equal(await waiting, false);
});
