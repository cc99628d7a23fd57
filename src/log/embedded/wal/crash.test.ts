/** The write-ahead log through crashes: what was acknowledged survives, and what survives is one history. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { integerBetween, type Random, seededRandom } from "../../../base/random.ts";
import { logIndex, replicaId, term } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import type { LogBase } from "../../../raft/log-view.ts";
import { CrashFiles } from "./crash-files.ts";
import { check, compact, entry, identity, LogModel, open, writeOf } from "./model.test-support.ts";
import { type Recovered, type WalWrite, WriteAheadLog } from "./write-ahead-log.ts";

const dir = "/wal";
const segmentBytes = 3_000;

function randomWrite(random: Random, model: LogModel): WalWrite {
  const back = random() < 0.2 ? integerBetween(random, 0, 10) : 0;
  return writeOf({
    from: model.place(back),
    count: integerBetween(random, 0, 5),
    term: integerBetween(random, 1, 6),
    bytes: random() < 0.1 ? 4_000 : integerBetween(random, 0, 600),
    vote: integerBetween(random, 0, 3),
  });
}

/**
 * What the log may hold after a crash: the writes up to any one from the last that was acknowledged on, of the last
 * one perhaps only the hard state, which is written before the entries.
 */
class Histories {
  #models: LogModel[] = [new LogModel()];
  #acknowledged = 0;
  /** The models that are complete writes and not acknowledged, in order. */
  #pending: number[] = [];

  get newest(): LogModel {
    return this.#models.at(-1) as LogModel;
  }

  /** Returns what to call when the write is acknowledged. */
  write(write: WalWrite): () => void {
    if (write.hardState !== undefined) this.#half(write.hardState);
    const model = Object.assign(new LogModel(), this.newest);
    model.apply(write);
    return this.#complete(model);
  }

  /** Like `write`. */
  reset(base: LogBase, hardState: HardState): () => void {
    this.#half(hardState);
    const model = Object.assign(new LogModel(), this.newest);
    model.reset(base, hardState);
    return this.#complete(model);
  }

  #half(hardState: HardState): void {
    const half = Object.assign(new LogModel(), this.newest);
    half.apply({ hardState, entries: [] });
    this.#models.push(half);
  }

  #complete(model: LogModel): () => void {
    const number = this.#models.push(model) - 1;
    this.#pending.push(number);
    return () => {
      assert.equal(number, this.#pending.shift(), "acknowledgements come in the order of the writes");
      this.#acknowledged = number;
    };
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** Check what survived, and go on from there: it was reported, so it may not be lost by a later crash. */
  async survived(wal: WriteAheadLog, recovered: Recovered): Promise<void> {
    const possible = this.#models.slice(this.#acknowledged);
    for (const model of possible) {
      const same =
        model.lastIndex === recovered.lastIndex &&
        model.hardState.term === recovered.hardState.term &&
        model.hardState.votedFor === recovered.hardState.votedFor;
      if (!same) continue;
      try {
        await check(wal, recovered, model);
      } catch {
        // Another of the possible ones may look alike up to here; that none is the same fails below.
        continue;
      }
      this.#models = [model];
      this.#acknowledged = 0;
      this.#pending = [];
      return;
    }
    assert.fail(
      `what survived (${recovered.lastIndex} entries, term ${recovered.hardState.term}) is none of ` +
        possible.map((model) => `${model.lastIndex}/${model.hardState.term}`).join(", "),
    );
  }
}

function resetAtRandom(wal: WriteAheadLog, random: Random, histories: Histories): void {
  const { newest } = histories;
  const of = term(integerBetween(random, 1, 6));
  const index = integerBetween(random, newest.committed, newest.lastIndex + 10);
  const base = { index: logIndex(index), term: of };
  const hardState = { term: of, votedFor: replicaId(integerBetween(random, 1, 3)) };
  const done = histories.reset(base, hardState);
  void wal.reset(base, hardState).then(done);
  resets++;
}

let compactions = 0;
let resets = 0;

/** One life of a log: open, check, write at random, die at a random call. Returns whether it cut a tail. */
async function live(files: CrashFiles, random: Random, histories: Histories): Promise<boolean> {
  const died = files.dieAfter(integerBetween(random, 5, random() < 0.5 ? 250 : 800));
  let dead = false;
  let failed: (error: unknown) => void = () => {};
  const failure = new Promise<boolean>((_, reject) => {
    failed = reject;
  });
  const life = (async () => {
    const { wal, recovered } = await open(files, dir, segmentBytes);
    await histories.survived(wal, recovered);
    if (recovered.cut !== undefined && random() < 0.5) await wal.forgetCut();
    while (!dead) {
      // Only what is durable, and never replaced, is compacted; writes go on meanwhile.
      if (histories.pending === 0 && random() < 0.5) {
        const { newest } = histories;
        const through = integerBetween(random, newest.committed, newest.lastIndex);
        compact(wal, newest, through).then((base) => {
          if (base !== undefined) compactions++;
        }, failed);
      }
      for (let i = integerBetween(random, 1, 4); i > 0; i--) {
        const write = randomWrite(random, histories.newest);
        wal.write(write, histories.write(write));
      }
      if (random() < 0.06) resetAtRandom(wal, random, histories);
      const most = random() < 0.3 ? 0 : 8;
      while (histories.pending > most && !dead) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return recovered.cut !== undefined;
  })();
  // A dead process's calls are never answered, so its life may never end: the death does.
  const ended = died.then(() => {
    dead = true;
    return false;
  });
  return Promise.race([life, ended, failure]);
}

async function torture(seed: number, power: (random: Random) => boolean): Promise<void> {
  const random = seededRandom(seed);
  const files = new CrashFiles(random);
  await WriteAheadLog.format(dir, identity, { files, segmentBytes });
  const histories = new Histories();
  for (let life = 0; life < 8; life++) {
    await live(files, random, histories);
    if (power(random)) files.losePower();
  }
  const { wal, recovered } = await open(files, dir, segmentBytes);
  await histories.survived(wal, recovered);
  files.die();
}

for (const [what, power] of [
  ["power failures that lose any unsynced sectors", () => true],
  ["processes that die between any two calls", () => false],
  [
    "both in turns, so that nothing reported after the one is lost in the other",
    (random: Random) => random() < 0.5,
  ],
] as const) {
  test(`everything acknowledged survives, as one history: ${what}`, async () => {
    compactions = 0;
    resets = 0;
    for (let seed = 1; seed <= 15; seed++) {
      try {
        await torture(seed, power);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    assert.ok(compactions > 20 && resets > 20, `${compactions} compactions and ${resets} resets were tried`);
  });
}

test("what a start has reported survives a power failure, although the process before died unsynced", async () => {
  let unacknowledged = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const files = new CrashFiles(seededRandom(seed));
    await WriteAheadLog.format(dir, identity, { files, segmentBytes });
    const { wal } = await open(files, dir, segmentBytes);
    // Some of these last groups begin a segment.
    const count = seed % 12;
    for (let i = 1; i <= count; i++) {
      await new Promise<void>((resolve) => wal.write({ entries: [entry(i, 1, 500)] }, resolve));
    }
    // The pwrite is done; the sync is not, or nobody hears of it.
    const synced = files.dieAfter(Number.POSITIVE_INFINITY);
    files.fault = (operation) => {
      if (operation === "fdatasync") files.die();
      return undefined;
    };
    wal.write({ entries: [entry(count + 1, 1, 500)] }, () => assert.fail("it died before"));
    await synced;
    files.fault = () => undefined;
    const first = await open(files, dir, segmentBytes);
    files.losePower();
    const second = await open(files, dir, segmentBytes);
    assert.equal(second.recovered.lastIndex, first.recovered.lastIndex, `seed ${seed}`);
    if (first.recovered.lastIndex > count) unacknowledged++;
    files.die();
  }
  assert.ok(unacknowledged > 30, `${unacknowledged} unsynced groups were found by a start`);
});
