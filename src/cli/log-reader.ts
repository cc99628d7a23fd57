/**
 * A replica's write-ahead log, read from its files without touching them, while the replica may be writing: two
 * passes over the same groups. The first learns which entries were replaced by a later leader's, the second hands
 * out the others; what is written meanwhile is left for the next look.
 */
import { join } from "node:path";
import { type LogIndex, logIndex, replicaId } from "../base/units.ts";
import { withFile } from "../log/embedded/wal/files.ts";
import type { WalEntry } from "../log/embedded/wal/group.ts";
import { nodeFiles } from "../log/embedded/wal/node-files.ts";
import {
  readSegmentHeader,
  segmentHeaderBytes,
  segmentName,
  segmentNumber,
  type WalIdentity,
} from "../log/embedded/wal/record.ts";
import { entriesOf, type ScannedGroup, scanGroups } from "../log/embedded/wal/scan.ts";

/** Call `each` with every group that checks, until it returns false. */
async function scanDirectory(
  directory: string,
  identity: WalIdentity,
  each: (group: ScannedGroup) => boolean,
): Promise<void> {
  const numbers = (await nodeFiles.list(directory))
    .map(segmentNumber)
    .filter((number) => number !== undefined);
  let goOn = true;
  for (const number of numbers.sort((a, b) => a - b)) {
    if (!goOn) return;
    await withFile(nodeFiles, join(directory, segmentName(number)), async (file) => {
      const header = new Uint8Array(segmentHeaderBytes);
      await file.pread(header, 0, header.length, 0);
      const start = readSegmentHeader(header, identity, number);
      // A segment that is only prepared, or belongs to somebody else.
      if (start === undefined) return;
      await scanGroups(file, await file.size(), { ...start, offset: segmentHeaderBytes }, false, (group) => {
        goOn = each(group);
        return goOn;
      });
    });
  }
}

/** Of each group, by its place in the log, the last entry that no later group replaced. */
async function lastOfGroups(directory: string, identity: WalIdentity): Promise<readonly number[]> {
  const firsts: number[] = [];
  const lasts: number[] = [];
  await scanDirectory(directory, identity, ({ firstIndex, entries }) => {
    if (entries > 0) {
      for (let i = lasts.length - 1; i >= 0 && (lasts[i] ?? 0) >= firstIndex; i--) lasts[i] = firstIndex - 1;
    }
    firsts.push(firstIndex);
    lasts.push(firstIndex + entries - 1);
    return true;
  });
  return lasts;
}

/**
 * Call `each` with every entry of the log in order, until it returns false. An entry's payload is valid only during
 * the call. The first entry's index is above 1 if the log was compacted.
 */
export async function readLog(
  directory: string,
  identity: { readonly cluster: string; readonly replica: number },
  each: (entry: WalEntry) => boolean,
): Promise<void> {
  const who: WalIdentity = { cluster: identity.cluster, replica: replicaId(identity.replica) };
  const lasts = await lastOfGroups(directory, who);
  let at = 0;
  await scanDirectory(directory, who, (group) => {
    const last = lasts[at++];
    if (last === undefined) return false;
    if (group.entries === 0 || last < group.firstIndex) return true;
    const to: LogIndex = logIndex(last);
    return entriesOf(group, logIndex(group.firstIndex), to).every(each);
  });
}
