import assert from "node:assert/strict";
import fs, { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { stillRefilling } from "./damage.ts";
import { fill, Scratch } from "./scratch.test-support.ts";
import { endRefilling, setStoreAside } from "./store.ts";

/** Run as a process does that dies after so many changes to files: none of the later ones happens. Whether it died. */
function endsAfter(calls: number, run: () => void): boolean {
  let left = calls;
  const names = ["writeFileSync", "renameSync", "rmSync"] as const;
  const mocks = names.map((name) => {
    const original = fs[name] as (...words: readonly unknown[]) => void;
    return mock.method(fs, name, (...words: readonly unknown[]) => {
      if (left-- <= 0) throw new Error("ended");
      original(...words);
    });
  });
  syncBuiltinESMExports();
  try {
    run();
  } catch (error) {
    assert.ok(left < 0, String(error));
  } finally {
    for (const one of mocks) one.mock.restore();
    syncBuiltinESMExports();
  }
  return left < 0;
}

describe("a SQLite store that was set aside and is not refilled yet", () => {
  const scratch = new Scratch();
  beforeEach(() => scratch.begin());
  afterEach(() => scratch.end());

  const mark = (): string => `${scratch.file}.damaged`;
  const note = (): string => `${scratch.file}.refilling`;

  it("is told of in every life until the other one is refilled", async () => {
    writeFileSync(scratch.file, "not a database");
    const first = await scratch.openAnyhow();
    await first.store.close();
    const second = await scratch.openAnyhow();
    assert.deepEqual(second.setAside, first.setAside);
    await second.store.close();
    endRefilling(scratch.dir);
    assert.equal((await scratch.openAnyhow()).setAside, undefined);
  });

  it("is whole under one name, and told of, wherever a life ends while it is set aside", async () => {
    const lying = { "": "not a database", "-wal": "frames", "-shm": "an index" };
    for (let calls = 0; ; calls++) {
      for (const [suffix, content] of Object.entries(lying)) writeFileSync(scratch.file + suffix, content);
      const ended = endsAfter(calls, () => setStoreAside(scratch.dir));
      const { store, setAside } = await scratch.openAnyhow();
      const what = `${calls} calls`;
      // Before the first, nothing is known of the request; but the damage is found.
      assert.match(setAside?.reason ?? "", calls === 0 ? /no SQLite database/ : /by request/, what);
      assert.equal(setAside?.file, `${scratch.file}.set-aside-1`, what);
      for (const [suffix, content] of Object.entries(lying)) {
        assert.equal(readFileSync(`${setAside.file}${suffix}`, "utf8"), content, what);
      }
      assert.ok(!existsSync(mark()) && !existsSync(`${scratch.file}.set-aside-2`), what);
      assert.equal(store.flushed, 0);
      await scratch.end();
      if (!ended) {
        assert.ok(calls >= 6, "there were some steps to end between");
        return;
      }
      scratch.begin();
    }
  });

  it("is set aside although the disk has no room for a note", async () => {
    writeFileSync(scratch.file, "not a database");
    mkdirSync(note());
    assert.equal((await scratch.openAnyhow()).setAside?.file, `${scratch.file}.set-aside-1`);
  });

  it("may leave a note that cannot be read, which stops nobody and tells what it can", async () => {
    await fill(scratch, 5);
    const garbage = ["", "{", "null", "7", "[]", '{"reason":1}', '{"reason":"bad","name":"../../elsewhere"}'];
    for (const content of [...garbage, Buffer.alloc(4_096, 0xff)]) {
      writeFileSync(note(), content);
      const { reason = "", file } = stillRefilling(scratch.dir) ?? {};
      assert.match(reason, /orders\.sqlite\.refilling is there, but cannot be read/);
      assert.equal(file, undefined);
    }
    const { store, setAside } = await scratch.openAnyhow();
    assert.deepEqual([setAside, store.flushed], [stillRefilling(scratch.dir), 5]);
    endRefilling(scratch.dir);
    assert.ok(!existsSync(note()));
  });
});
