/** What the write-ahead log's tests share: the plain list that it must read like. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { logIndex, replicaId, term } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import { type LogBase, wholeLog } from "../../../raft/log-view.ts";
import type { Entry } from "../../../raft/message.ts";
import type { WalFiles } from "./files.ts";
import type { WalIdentity } from "./record.ts";
import { type Recovered, type WalWrite, WriteAheadLog } from "./write-ahead-log.ts";

export const identity: WalIdentity = { cluster: "test", replica: replicaId(3) };

export type Step =
  | {
      readonly kind: "write";
      readonly from: number;
      readonly count: number;
      readonly term: number;
      readonly bytes: number;
      readonly vote: number;
    }
  /** Compact up to so far back from the end. */
  | { readonly kind: "compact"; readonly back: number }
  /** Reset to so far ahead of what is committed. */
  | { readonly kind: "reset"; readonly ahead: number; readonly term: number }
  | { readonly kind: "restart" };

/** Without a vote it leaves the hard state alone. */
type WriteStep = Omit<Extract<Step, { kind: "write" }>, "kind" | "vote"> & { readonly vote?: number };

/** `from` counts back from the end of the log. */
export const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      from: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(12) }),
      count: fc.nat(6),
      term: fc.integer({ min: 1, max: 5 }),
      bytes: fc.oneof(fc.nat(40), fc.nat(700)),
      vote: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("compact" as const), back: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reset" as const),
      ahead: fc.nat(15),
      term: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

let written = 0;

/** An entry whose bytes no other has. */
export function entry(index: number, ofTerm: number, bytes: number): Entry {
  const payload = new Uint8Array(bytes);
  written++;
  for (let i = 0; i < bytes; i++) payload[i] = (written * 31 + i * 7) & 0xff;
  return { index: logIndex(index), term: term(ofTerm), kind: "command", payload };
}

export class LogModel {
  /** What the log was last reset to. */
  base: LogBase = wholeLog;
  /** All since, also those that were compacted. */
  entries: readonly Entry[] = [];
  hardState: HardState = { term: term(0), votedFor: undefined };
  /** Nothing up to here is replaced any more, and all of it may have been compacted. */
  committed = 0;

  get lastIndex(): number {
    return this.base.index + this.entries.length;
  }

  apply(write: WalWrite): void {
    this.hardState = write.hardState ?? this.hardState;
    const first = write.entries[0];
    if (first !== undefined) this.entries = [...this.#upTo(first.index - 1), ...write.entries];
  }

  reset(base: LogBase, hardState: HardState): void {
    Object.assign(this, { base, hardState, entries: [], committed: base.index });
  }

  /** Where a write begins that reaches so far back from the end, or less far. */
  place(back: number): number {
    return Math.max(this.committed + 1, this.lastIndex + 1 - back);
  }

  behind(index: number): readonly Entry[] {
    return this.entries.slice(index - this.base.index);
  }

  termAt(index: number): number {
    return this.#upTo(index).at(-1)?.term ?? this.base.term;
  }

  termsBehind(index: number): Recovered["terms"] {
    const entries = this.behind(index);
    return entries
      .filter((each, i) => each.term !== entries[i - 1]?.term)
      .map((each) => ({ from: each.index, term: each.term }));
  }

  #upTo(index: number): readonly Entry[] {
    return this.entries.slice(0, index - this.base.index);
  }

  checkRead(from: number, maxBytes: number, read: readonly Entry[]): void {
    const expected = this.behind(from - 1);
    assert.deepEqual(read, expected.slice(0, read.length));
    const bytes = (count: number): number =>
      expected.slice(0, count).reduce((sum, each) => sum + each.payload.length, 0);
    assert.ok(read.length === 1 || bytes(read.length) <= maxBytes, "no more than was asked for");
    const more = read.length < expected.length;
    assert.ok(read.length >= 1 && (!more || bytes(read.length + 1) > maxBytes || maxBytes === 0), "nor less");
  }
}

export function open(files: WalFiles, dir: string, segmentBytes: number, who = identity) {
  return WriteAheadLog.open(dir, who, {
    files,
    segmentBytes,
    tailBytes: 1_000,
    onFatal: (error) => {
      throw error;
    },
  });
}

/** The write of a step that names its first index outright. */
export function writeOf(step: WriteStep): WalWrite {
  const entries = Array.from({ length: step.count }, (_, i) => entry(step.from + i, step.term, step.bytes));
  if (step.vote === undefined) return { entries };
  const votedFor = step.vote === 0 ? undefined : replicaId(step.vote);
  return { hardState: { term: term(step.term), votedFor }, entries };
}

export async function write(wal: WriteAheadLog, model: LogModel, step: WriteStep): Promise<void> {
  const what = writeOf(step);
  await new Promise<void>((resolve) => wal.write(what, resolve));
  model.apply(what);
}

/** Tell the model what may be compacted, and compact. Returns where the log begins now if anything went. */
export async function compact(wal: WriteAheadLog, model: LogModel, through: number) {
  model.committed = Math.max(model.committed, through);
  const base = await wal.compact(logIndex(through));
  if (base !== undefined) {
    assert.ok(base.index <= through, `${base.index} went, and only what is up to ${through} might`);
    assert.equal(base.term, model.termAt(base.index));
    assert.equal(wal.stats.firstIndex, base.index + 1);
  }
  return base;
}

export async function reset(
  wal: WriteAheadLog,
  model: LogModel,
  index: number,
  ofTerm: number,
  vote: number,
): Promise<void> {
  const base = { index: logIndex(index), term: term(ofTerm) };
  const hardState = { term: term(ofTerm), votedFor: replicaId(vote) };
  await wal.reset(base, hardState);
  model.reset(base, hardState);
}

/** A generated step other than a restart. */
export async function run(wal: WriteAheadLog, model: LogModel, step: Step): Promise<void> {
  if (step.kind === "write") await write(wal, model, { ...step, from: model.place(step.from) });
  if (step.kind === "compact") {
    await compact(wal, model, Math.max(model.committed, model.lastIndex - step.back));
  }
  if (step.kind === "reset") await reset(wal, model, model.committed + step.ahead, step.term, 2);
}

/** That what was recovered, and what is read, is the model, from a base on that it allows. */
export async function check(wal: WriteAheadLog, recovered: Recovered, model: LogModel): Promise<void> {
  assert.deepEqual(recovered.hardState, model.hardState);
  const { base } = recovered;
  assert.ok(base.index >= model.base.index && base.index <= model.committed, `a base at ${base.index}`);
  assert.equal(base.term, model.termAt(base.index));
  assert.equal(recovered.firstIndex, base.index + 1);
  assert.equal(wal.stats.firstIndex, base.index + 1);
  assert.equal(recovered.lastIndex, model.lastIndex);
  assert.deepEqual(recovered.terms, model.termsBehind(base.index));
  const { tail } = recovered;
  assert.deepEqual(tail, model.entries.slice(model.entries.length - tail.length));
  assert.equal(await wal.read(base.index, 5_000), undefined, "what is gone is not read");
  const expected = model.behind(base.index);
  const all: Entry[] = [];
  while (all.length < expected.length) {
    const more = await wal.read(logIndex(base.index + all.length + 1), 5_000);
    assert.ok(more !== undefined && more.length > 0, "reading goes on to the end");
    all.push(...more);
  }
  assert.deepEqual(all, expected);
}
