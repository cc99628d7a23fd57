import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Entry } from "../../../raft/message.ts";
import { readLog } from "./log-reader.ts";
import { compact, identity, LogModel, open, reset, write } from "./model.test-support.ts";
import { nodeFiles } from "./node-files.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

const segmentBytes = 4_096;

async function withLog(use: (path: string, wal: WriteAheadLog, model: LogModel) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), "bazaar-reader-"));
  try {
    await WriteAheadLog.format(folder, identity, { segmentBytes });
    const { wal } = await open(nodeFiles, folder, segmentBytes);
    try {
      await use(folder, wal, new LogModel());
    } finally {
      await wal.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function readAll(path: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  await readLog(path, identity, (entry) => {
    entries.push({ ...entry, payload: entry.payload.slice() });
    return true;
  });
  return entries;
}

test("a log reads the same from outside while it is written, replaced behind votes, compacted and reset", async () => {
  await withLog(async (path, wal, model) => {
    assert.deepEqual(await readAll(path), []);
    for (let i = 0; i < 40; i++) {
      const from = model.place(i % 5 === 4 ? 3 : 0);
      const vote = i % 5 === 4 ? { vote: 1 + (i % 3) } : {};
      await write(wal, model, { from, count: 2, term: 1 + i, bytes: 150, ...vote });
      if (i % 9 === 8) await compact(wal, model, model.lastIndex - 5);
      if (i === 25) await reset(wal, model, model.lastIndex + 20, 1 + i, 2);
      assert.deepEqual(await readAll(path), model.behind(wal.stats.firstIndex - 1), `after write ${i}`);
    }
    assert.ok(wal.stats.firstIndex > model.base.index + 1, "it was compacted behind the reset too");
  });
});

test("a log that is compacted while it is read is read without a gap", async () => {
  await withLog(async (path, wal, model) => {
    for (let i = 1; i <= 300; i++) {
      await write(wal, model, { from: i, count: 1, term: 1, bytes: 150 });
      if (i % 10 !== 0) continue;
      const [read] = await Promise.all([readAll(path), compact(wal, model, i - 8)]);
      const first = read[0]?.index ?? 0;
      assert.deepEqual(read, model.behind(first - 1));
    }
  });
});
