/**
 * A replica's log directory with damage: bits flipped, sectors zeroed, swapped, written to the wrong place, files cut
 * short, stale or gone. Whoever opens it either says that it is damaged, and changes nothing, or has the log as it was
 * after some write, and says if that was not the last. There is one exception, which no log can see by itself: an end
 * that was wiped out looks like a log that ended there (the vote is kept in a second place for it).
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { OperatingFailure } from "../../src/base/failure.ts";
import { seededRandom } from "../../src/base/random.ts";
import { logIndex, replicaId, term } from "../../src/base/units.ts";
import { nextIncarnation } from "../../src/log/embedded/incarnation.ts";
import { readVote, writeVote } from "../../src/log/embedded/vote-record.ts";
import { CrashFiles } from "../../src/log/embedded/wal/crash-files.ts";
import { WalDamaged } from "../../src/log/embedded/wal/damage.ts";
import { type Recovered, type WalWrite, WriteAheadLog } from "../../src/log/embedded/wal/write-ahead-log.ts";
import type { CaseTarget } from "./case-target.ts";

const dir = "/wal";
const segmentBytes = 2_048;
const sectorBytes = 512;
const identity = { cluster: "fuzzed", replica: replicaId(2) };
type Image = ReadonlyMap<string, Uint8Array>;

/** What the log holds after a write: each entry's term and its payload's first byte, by index; and the vote. */
interface State {
  readonly entries: ReadonlyMap<number, string>;
  readonly last: number;
  readonly vote: string;
}

interface Disk {
  readonly image: Image;
  /** An earlier image: what a lost write leaves. */
  readonly stale: Image;
  readonly states: readonly State[];
}

const voteOf = ({ hardState }: Pick<Recovered, "hardState">): string =>
  `${hardState.term}/${hardState.votedFor ?? 0}`;

async function open(files: CrashFiles): ReturnType<typeof WriteAheadLog.open> {
  return await WriteAheadLog.open(dir, identity, {
    files,
    segmentBytes,
    tailBytes: 4_000,
    onFatal: (error) => {
      throw error;
    },
  });
}

const written = (wal: WriteAheadLog, write: WalWrite): Promise<void> =>
  new Promise((resolve) => wal.write(write, resolve));

function after(state: State, write: WalWrite, vote: string): State {
  const first = write.entries[0]?.index ?? state.last + 1;
  const entries = new Map([...state.entries].filter(([index]) => index < first));
  for (const { index, term: ofTerm, payload } of write.entries)
    entries.set(index, `${ofTerm}/${payload.join()}`);
  return { entries, last: first + write.entries.length - 1, vote };
}

/** Write `i` of a log: three entries, and now and then a vote, or entries in the place of others. */
function writeOf(i: number, last: number): WalWrite {
  const from = i % 6 === 5 ? Math.max(1, last - 3) : last + 1;
  const ofTerm = term(1 + Math.floor(i / 4));
  const entries = [0, 1, 2].map((k) => ({
    index: logIndex(from + k),
    term: ofTerm,
    kind: "command" as const,
    payload: new Uint8Array(20 + ((i * 37 + k * 11) % 90)).fill(i + 1),
  }));
  return { hardState: { term: ofTerm, votedFor: i % 4 === 0 ? replicaId(1 + (i % 3)) : undefined }, entries };
}

async function makeDisk(writes: number, compacted: boolean): Promise<Disk> {
  const files = new CrashFiles(seededRandom(writes));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes });
  const { wal } = await open(files);
  const states: State[] = [{ entries: new Map(), last: 0, vote: "0/0" }];
  let stale: Image = files.image();
  for (let i = 0; i < writes; i++) {
    const before = states.at(-1) as State;
    const write = writeOf(i, before.last);
    await written(wal, write);
    const { hardState } = write;
    if (hardState !== undefined) await writeVote(dir, hardState, files);
    states.push(after(before, write, hardState === undefined ? before.vote : voteOf({ hardState })));
    if (i === writes - 3) stale = files.image();
    if (compacted && i === writes - 5) await wal.compact(logIndex(before.last - 4));
  }
  await wal.close();
  return { image: files.image(), stale, states };
}

const damages = ["flip", "set", "zero", "truncate", "swap", "misdirect", "stale", "gone", "copy"] as const;
/** After these an end may look like a clean one. */
const wiping: ReadonlySet<string> = new Set([
  "zero",
  "truncate",
  "stale",
  "gone",
  "misdirect",
  "swap",
  "copy",
]);

interface Damage {
  readonly kind: (typeof damages)[number];
  readonly file: number;
  readonly at: number;
  readonly value: number;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...damages) }, fc.constantFrom("flip", "set")),
  file: fc.nat(30),
  at: fc.nat(0xffff),
  value: fc.nat(255),
});

function sector(bytes: Uint8Array, number: number): Uint8Array {
  const from = (number % Math.max(1, Math.ceil(bytes.length / sectorBytes))) * sectorBytes;
  return bytes.subarray(from, from + sectorBytes);
}

function harm(image: Map<string, Uint8Array>, stale: Image, { kind, file, at, value }: Damage): void {
  const names = [...image.keys()];
  const name = names[file % names.length] ?? "";
  const bytes = image.get(name) ?? new Uint8Array(0);
  const other = image.get(names[value % names.length] ?? "") ?? bytes;
  // Mostly where something is: segments are preallocated.
  const used = Math.max(1, bytes.findLastIndex((byte) => byte !== 0) + 1);
  const place = value % 8 === 0 ? at % Math.max(1, bytes.length) : at % used;
  if (kind === "flip") bytes[place] = (bytes[place] ?? 0) ^ (1 << (value & 7));
  else if (kind === "set") bytes.fill(value, place, place + (value % 16));
  else if (kind === "zero") sector(bytes, at).fill(0);
  else if (kind === "truncate") image.set(name, bytes.slice(0, place));
  else if (kind === "gone") image.delete(name);
  else if (kind === "stale") image.set(name, stale.get(name)?.slice() ?? new Uint8Array(0));
  else if (kind === "copy") image.set(name, other.slice());
  else {
    const here = sector(bytes, at);
    const there = sector(kind === "swap" ? bytes : other, value);
    const kept = here.slice();
    here.set(there.subarray(0, here.length));
    if (kind === "swap") there.set(kept.subarray(0, there.length));
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof WalDamaged) return true;
  return error instanceof OperatingFailure && error.code === "wrong-data";
}

/** What `read` gives; `undefined` if it says that the disk is damaged. */
async function unlessRefused<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return undefined;
  }
}

/** Every entry that the log has, from the disk; `undefined` if reading says that it is damaged. */
async function entriesIn(
  wal: WriteAheadLog,
  { firstIndex, lastIndex }: Recovered,
): Promise<Map<number, string>> {
  const entries = new Map<number, string>();
  for (let next = firstIndex; next <= lastIndex; ) {
    const read = (await wal.read(next, 300)) ?? [];
    assert.ok(read.length > 0, `entry ${next} of ${firstIndex} to ${lastIndex} can be read`);
    for (const { index, term: ofTerm, payload } of read) entries.set(index, `${ofTerm}/${payload.join()}`);
    next = logIndex(next + read.length);
  }
  return entries;
}

const isOf = (entries: ReadonlyMap<number, string>, recovered: Recovered, state: State): boolean =>
  state.last === recovered.lastIndex &&
  [...entries].every(([index, entry]) => state.entries.get(index) === entry);

async function survive(disk: Disk, given: readonly Damage[]): Promise<boolean> {
  const files = new CrashFiles(seededRandom(1));
  const image = new Map([...disk.image].map(([name, bytes]) => [name, bytes.slice()]));
  for (const each of given) harm(image, disk.stale, each);
  files.restore(image);
  await unlessRefused(() => readVote(dir, files));
  const asFound = files.image();
  const opened = await unlessRefused(() => open(files));
  if (opened === undefined) {
    assert.deepEqual(files.image(), asFound, "what is damaged is not touched");
    await unlessRefused(() => nextIncarnation(dir, files));
    return false;
  }
  const { wal, recovered } = opened;
  const entries = await entriesIn(wal, recovered);
  const state = disk.states.findLast((one) => isOf(entries, recovered, one));
  assert.ok(
    state !== undefined,
    `no state of the log ends with ${recovered.lastIndex} in ${voteOf(recovered)}`,
  );
  const told = recovered.cut !== undefined || given.some(({ kind }) => wiping.has(kind));
  assert.ok(told || state === disk.states.at(-1), "what is missing is told");
  await goOn(files, wal, recovered);
  await unlessRefused(() => nextIncarnation(dir, files));
  return true;
}

/** What is written now is there at the next start. */
async function goOn(files: CrashFiles, wal: WriteAheadLog, { lastIndex }: Recovered): Promise<void> {
  const index = logIndex(lastIndex + 1);
  await written(wal, {
    entries: [{ index, term: term(99), kind: "command", payload: new Uint8Array(40).fill(7) }],
  });
  await wal.close();
  const again = await open(files);
  assert.equal(again.recovered.lastIndex, index);
  await again.wal.close();
}

export async function diskTarget(): Promise<CaseTarget> {
  const disks = [await makeDisk(9, false), await makeDisk(24, false), await makeDisk(24, true)];
  return {
    name: "log/disks",
    unit: "disks",
    count: 4_000,
    property: (took) =>
      fc.asyncProperty(
        fc.constantFrom(0, 1, 2),
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        async (which, given) => {
          if (await survive(disks[which] as Disk, given)) took();
        },
      ) as fc.IRawProperty<unknown>,
  };
}
