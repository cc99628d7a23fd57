/**
 * Counts a replica's starts. What a replica said in an earlier life may be lost with a crash, so its peers must be
 * able to tell its lives apart: the number is durable before the replica says anything.
 */
import { readRecord, writeRecord } from "./wal/checked-record.ts";
import { WalDamaged } from "./wal/damage.ts";
import type { WalFiles } from "./wal/files.ts";
import { nodeFiles } from "./wal/node-files.ts";

const name = "incarnation";

/** This start's number: one more than the last one's. Throws `WalDamaged` if the last one's cannot be read. */
export async function nextIncarnation(directory: string, files: WalFiles = nodeFiles): Promise<number> {
  const record = (await readRecord(files, directory, name)) as { readonly incarnation: unknown } | undefined;
  const last = record === undefined ? 0 : record.incarnation;
  if (typeof last !== "number" || !Number.isSafeInteger(last)) {
    throw new WalDamaged(name, 0, "it does not hold a number");
  }
  await writeRecord(files, directory, name, { incarnation: last + 1 });
  return last + 1;
}
