/** Entries from the disk: for followers and starts that need more than the in-memory tail. */
import { join } from "node:path";
import { logLimits } from "../../../base/limits.ts";
import { type LogIndex, logIndex } from "../../../base/units.ts";
import type { Entry } from "../../../raft/message.ts";
import { WalDamaged } from "./damage.ts";
import type { EntryIndex, IndexPoint } from "./entry-index.ts";
import { type WalFiles, withFile } from "./files.ts";
import { segmentName } from "./record.ts";
import { entriesOf, scanGroups } from "./scan.ts";

/**
 * Entries from `from` on: at most `maxBytes` of payload but at least one; none if `from` is not on the disk yet;
 * `undefined` if the log begins behind it, perhaps since a moment ago. Entries that were replaced while this read are
 * not among them.
 */
export async function readEntries(
  files: WalFiles,
  dir: string,
  index: EntryIndex,
  from: LogIndex,
  maxBytes: number,
): Promise<readonly Entry[] | undefined> {
  while (from >= index.firstIndex) {
    const truncations = index.truncations;
    const entries = await readOnce(files, dir, index, from, maxBytes).catch((error: unknown) => {
      // The segment may have been removed while this read.
      if (from >= index.firstIndex) throw error;
      return [];
    });
    const compacted = entries.length === 0 && from < index.firstIndex;
    if (index.truncations === truncations && !compacted) return entries;
  }
  return undefined;
}

async function readOnce(
  files: WalFiles,
  dir: string,
  index: EntryIndex,
  from: LogIndex,
  maxBytes: number,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  let room = maxBytes;
  let next = from;
  while (next <= index.readable && (room > 0 || entries.length === 0)) {
    const stretch = index.find(next);
    if (stretch === undefined) break;
    const more = await readStretch(files, dir, stretch.point, next, stretch.last, room);
    for (const entry of more) {
      if (entry.payload.length > room && entries.length > 0) return entries;
      entries.push(entry);
      room -= entry.payload.length;
    }
    next = logIndex(from + entries.length);
  }
  return entries;
}

/** The newest entries whose payloads have at most `maxBytes` together. */
export async function readTail(
  files: WalFiles,
  dir: string,
  index: EntryIndex,
  maxBytes: number,
): Promise<readonly Entry[]> {
  const stretches: (readonly Entry[])[] = [];
  let room = maxBytes;
  for (let number = index.points - 1; number >= 0 && room >= 0; number--) {
    const stretch = index.at(number);
    if (stretch === undefined) break;
    const { point, last } = stretch;
    const entries = await readStretch(files, dir, point, point.first, last, Number.POSITIVE_INFINITY);
    let keep = entries.length;
    while (keep > 0 && room >= 0) {
      room -= (entries[keep - 1]?.payload.length ?? 0) + logLimits.entryOverheadBytes;
      if (room >= 0) keep--;
    }
    stretches.push(entries.slice(keep));
  }
  return stretches.reverse().flat();
}

/** The entries [from, last], or the first of them with more than `enough` bytes of payload, forward from `point`. */
async function readStretch(
  files: WalFiles,
  dir: string,
  point: IndexPoint,
  from: LogIndex,
  last: LogIndex,
  enough: number,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  let bytes = 0;
  const name = segmentName(point.segment);
  const end = await withFile(files, join(dir, name), async (file) =>
    scanGroups(file, await file.size(), point.place, true, (group) => {
      if (group.firstIndex + group.entries <= from) return true;
      for (const entry of entriesOf(group, from, last)) {
        entries.push(entry);
        bytes += entry.payload.length;
      }
      return bytes <= enough && from + entries.length <= last;
    }),
  );
  if (entries[0]?.index !== from || (bytes <= enough && entries.length !== last - from + 1)) {
    throw new WalDamaged(name, end.offset, `entries up to ${last} were read here before and no longer check`);
  }
  return entries;
}
