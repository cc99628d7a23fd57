/** What the tests of compaction and of resets share: a log to begin with, and what may be left of it after a crash. */
import assert from "node:assert/strict";
import { seededRandom } from "../../../base/random.ts";
import { readBase } from "./base.ts";
import { CrashFiles } from "./crash-files.ts";
import { check, identity, LogModel, open, write } from "./model.test-support.ts";
import { listSegments } from "./segments.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

export const dir = "/wal";
export const segmentBytes = 2_048;

interface Fixture {
  readonly files: CrashFiles;
  readonly image: Map<string, Uint8Array>;
  readonly model: LogModel;
}

/** A log of several segments in which entries were replaced and the vote changed. */
export async function fixture(seed: number, groups = 30): Promise<Fixture> {
  const files = new CrashFiles(seededRandom(seed));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes });
  const { wal } = await open(files, dir, segmentBytes);
  const model = new LogModel();
  for (let i = 0; i < groups; i++) {
    await write(wal, model, {
      from: model.place(i % 7 === 6 ? 4 : 0),
      count: 3,
      term: 1 + (i >> 2),
      bytes: 80,
      ...(i % 7 === 6 && { vote: 1 + (i % 3) }),
    });
  }
  await wal.close();
  return { files, image: files.image(), model };
}

export const copyOf = (model: LogModel): LogModel => Object.assign(new LogModel(), model);

/** Whether `act` ends before the process dies after `calls` more calls. */
export async function ended(files: CrashFiles, calls: number, act: () => Promise<unknown>): Promise<boolean> {
  const died = files.dieAfter(calls).then(() => false);
  const done = await Promise.race([act().then(() => true), died]);
  if (done) void files.dieAfter(Number.POSITIVE_INFINITY);
  return done;
}

/** Open what a crash left, check it against whichever of the models it is, write to it, and open it once more. */
export async function expectOneOf(
  files: CrashFiles,
  models: readonly LogModel[],
  what: string,
): Promise<LogModel> {
  const first = await open(files, dir, segmentBytes);
  const of = (model: LogModel) =>
    model.lastIndex === first.recovered.lastIndex &&
    model.base.index <= first.recovered.base.index &&
    model.committed >= first.recovered.base.index &&
    model.hardState.term === first.recovered.hardState.term;
  const found = models.find(of);
  assert.ok(found !== undefined, `${what}: it is one of those it may be`);
  await check(first.wal, first.recovered, found);
  const { segment } = await readBase(files, dir);
  assert.equal((await listSegments(files, dir))[0], segment, `${what}: no other segment is left`);
  const model = copyOf(found);
  await write(first.wal, model, { from: model.lastIndex + 1, count: 2, term: 90, bytes: 700, vote: 3 });
  files.losePower();
  const second = await open(files, dir, segmentBytes);
  await check(second.wal, second.recovered, model);
  await second.wal.close();
  return found;
}
