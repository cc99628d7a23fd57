/**
 * The mark of a log that is behind: what it lacks is in no log any more, and its reader is copying a state instead. It
 * is durable before the copy begins, because afterwards the state may be ahead of the log, which at a start is otherwise
 * the sign of a log that was lost.
 */
import { readRecord, removeRecord, writeRecord } from "./wal/checked-record.ts";
import { WalDamaged } from "./wal/damage.ts";
import type { WalFiles } from "./wal/files.ts";
import { nodeFiles } from "./wal/node-files.ts";

const name = "behind.json";

export async function markBehind(
  directory: string,
  through: number,
  files: WalFiles = nodeFiles,
): Promise<void> {
  await writeRecord(files, directory, name, { through });
}

/** The index up to which the log was behind; `undefined`: it is not marked. Throws `WalDamaged` if that cannot be read. */
export async function markedBehind(
  directory: string,
  files: WalFiles = nodeFiles,
): Promise<number | undefined> {
  const record = (await readRecord(files, directory, name)) as { readonly through: unknown } | undefined;
  if (record === undefined) return undefined;
  if (typeof record.through !== "number") throw new WalDamaged(name, 0, "it does not hold a number");
  return record.through;
}

export async function clearBehind(directory: string, files: WalFiles = nodeFiles): Promise<void> {
  if ((await markedBehind(directory, files)) !== undefined) await removeRecord(files, directory, name);
}
