/** What the write-ahead log's tests share: the plain list that it must read like. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { logIndex, replicaId, term } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

let written = 0;

/** An entry whose bytes no other has. */
export function entry(index: number, ofTerm: number, bytes: number): Entry {
  const payload = new Uint8Array(bytes);
  written++;
  for (let i = 0; i < bytes; i++) payload[i] = (written * 31 + i * 7) & 0xff;
  return { index: logIndex(index), term: term(ofTerm), payload };
}

export class LogModel {
  entries: readonly Entry[] = [];
  hardState: HardState = { term: term(0), votedFor: undefined };

  apply(write: WalWrite): void {
    this.hardState = write.hardState ?? this.hardState;
    const first = write.entries[0];
    if (first !== undefined) this.entries = [...this.entries.slice(0, first.index - 1), ...write.entries];
  }

  get terms(): Recovered["terms"] {
    return this.entries
      .filter((each, i) => each.term !== this.entries[i - 1]?.term)
      .map((each) => ({ from: each.index, term: each.term }));
  }

  checkRead(from: number, maxBytes: number, read: readonly Entry[]): void {
    assert.deepEqual(read, this.entries.slice(from - 1, from - 1 + read.length));
    const bytes = (count: number): number =>
      this.entries.slice(from - 1, from - 1 + count).reduce((sum, each) => sum + each.payload.length, 0);
    assert.ok(read.length === 1 || bytes(read.length) <= maxBytes, "no more than was asked for");
    const more = from - 1 + read.length < this.entries.length;
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

/** A generated write: its `from` counts back from the end. */
export async function run(wal: WriteAheadLog, model: LogModel, step: Step): Promise<void> {
  if (step.kind === "write")
    await write(wal, model, { ...step, from: placeOf(model.entries.length, step.from) });
}

export function placeOf(length: number, back: number): number {
  return Math.max(1, length + 1 - back);
}

/** That what was recovered, and what is read, is the model. */
export async function check(wal: WriteAheadLog, recovered: Recovered, model: LogModel): Promise<void> {
  assert.deepEqual(recovered.hardState, model.hardState);
  assert.equal(recovered.firstIndex, 1);
  assert.equal(recovered.lastIndex, model.entries.length);
  assert.deepEqual(recovered.terms, model.terms);
  const { tail } = recovered;
  assert.deepEqual(tail, model.entries.slice(model.entries.length - tail.length));
  const all: Entry[] = [];
  while (all.length < model.entries.length) {
    const more = await wal.read(logIndex(all.length + 1), 5_000);
    assert.ok(more.length > 0, "reading goes on to the end");
    all.push(...more);
  }
  assert.deepEqual(all, model.entries);
}
