/**
 * Counts a replica's starts. What a replica said in an earlier life may be lost with a crash, so its peers must be
 * able to tell its lives apart: the number is durable before the replica says anything.
 */
import { OperatingFailure } from "../../base/failure.ts";
import { readRecord, writeRecord } from "./wal/checked-record.ts";
import { WalDamaged } from "./wal/damage.ts";
import type { WalFiles } from "./wal/files.ts";
import { nodeFiles } from "./wal/node-files.ts";

const name = "incarnation";

/** The last start's number. Throws `WalDamaged` if it is not there, or cannot be read. */
async function lastIncarnation(directory: string, files: WalFiles): Promise<number> {
  const record = (await readRecord(files, directory, name)) as { readonly incarnation: unknown } | undefined;
  const last = record?.incarnation;
  if (typeof last !== "number" || !Number.isSafeInteger(last)) {
    throw new WalDamaged(name, 0, "it does not hold a number");
  }
  return last;
}

/** A new replica's: its first start will be 1. */
export async function firstIncarnation(directory: string, files: WalFiles = nodeFiles): Promise<void> {
  await writeRecord(files, directory, name, { incarnation: 0 });
}

/**
 * This start's number: one more than the last one's. Throws `WalDamaged` if that one's is missing or cannot be read: peers
 * hear nothing of a replica that counts from 1 again.
 */
export async function nextIncarnation(directory: string, files: WalFiles = nodeFiles): Promise<number> {
  const last = await lastIncarnation(directory, files);
  await writeRecord(files, directory, name, { incarnation: last + 1 });
  return last + 1;
}

/** Peers know a later life of this replica than the one that it counted to; this one must end. */
export class LifeOutlived extends OperatingFailure {
  constructor(own: number, known: number) {
    super(
      "unavailable",
      `This is life ${own} of the replica, but its peers know life ${known} and hear no earlier one: it starts again behind that.`,
    );
  }
}

/** The next start's number is one above this. */
export async function countFrom(
  directory: string,
  known: number,
  files: WalFiles = nodeFiles,
): Promise<void> {
  await writeRecord(files, directory, name, { incarnation: known });
}

/** The highest number that can be read in any of these directories; 0 if none can. */
export async function highestIncarnation(directories: readonly string[], files: WalFiles): Promise<number> {
  const numbers = await Promise.all(directories.map((directory) => lastOr0(directory, files)));
  return Math.max(0, ...numbers);
}

async function lastOr0(directory: string, files: WalFiles): Promise<number> {
  return await lastIncarnation(directory, files).catch((error: unknown) => {
    if (error instanceof WalDamaged) return 0;
    throw error;
  });
}

/**
 * For a replica that lost its number: its next start's is the wall clock's milliseconds, or later. All that matters is
 * that it be higher than before, and it is: every life begins at such a number or one above the last, and takes
 * longer than a millisecond. With a clock that was set back it may not be: the peers take a lower number for an
 * earlier life, hear nothing that it says, and tell it the number that they know (`LifeOutlived`).
 */
export async function seedIncarnation(
  directory: string,
  files: WalFiles,
  wallClockMs: number,
): Promise<void> {
  const last = await lastOr0(directory, files);
  const next = Math.max(1, last + 1, Math.floor(wallClockMs));
  await writeRecord(files, directory, name, { incarnation: next - 1 });
}
