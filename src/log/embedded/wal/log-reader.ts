/**
 * A replica's log, read from its files without touching them, also while the replica writes: for those who look on.
 *
 * Two passes go over the same groups. The first learns which entries a later leader replaced, the second hands out
 * the others. Each follows the chain from the first segment on and stops where it ends, so what is written meanwhile
 * only lengthens the second pass, which leaves it for the next look. What does not check is not reported: a start
 * (recover.ts) is who tells a torn tail from damage.
 */
import { join } from "node:path";
import { logIndex } from "../../../base/units.ts";
import type { Entry } from "../../../raft/message.ts";
import { withFile } from "./files.ts";
import { nodeFiles } from "./node-files.ts";
import {
  readSegmentHeader,
  segmentHeaderBytes,
  segmentName,
  segmentNumber,
  type WalIdentity,
} from "./record.ts";
import { entriesOf, type Place, type ScannedGroup, scanGroups } from "./scan.ts";

/** Call `each` with every group of the chain, in order, until it returns false. */
async function scanChain(
  directory: string,
  identity: WalIdentity,
  each: (group: ScannedGroup) => boolean,
): Promise<void> {
  const numbers = (await nodeFiles.list(directory))
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  let wanted = true;
  let before: Place | undefined;
  for (const number of numbers) {
    const end: Place | undefined = await withFile(
      nodeFiles,
      join(directory, segmentName(number)),
      async (file) => {
        const header = new Uint8Array(segmentHeaderBytes);
        await file.pread(header, 0, header.length, 0);
        const from = readSegmentHeader(header, identity, number);
        // Only prepared so far, or what is before it has grown since it was read.
        if (from === undefined) return undefined;
        if (before !== undefined && (from.sequence !== before.sequence || from.chain !== before.chain)) {
          return undefined;
        }
        const start = { ...from, offset: segmentHeaderBytes };
        return await scanGroups(file, await file.size(), start, false, (group) => {
          wanted = each(group);
          return wanted;
        });
      },
    );
    if (end === undefined || !wanted) return;
    before = end;
  }
}

/** Of each group, by its place in the log, the last entry that no later group replaced. */
async function lastOfGroups(directory: string, identity: WalIdentity): Promise<readonly number[]> {
  const lasts: number[] = [];
  await scanChain(directory, identity, ({ firstIndex, entries }) => {
    if (entries > 0) {
      for (let i = lasts.length - 1; i >= 0 && (lasts[i] ?? 0) >= firstIndex; i--) lasts[i] = firstIndex - 1;
    }
    lasts.push(firstIndex + entries - 1);
    return true;
  });
  return lasts;
}

/**
 * Call `each` with every entry of the log in order, from the first one on, until it returns false. An entry's payload
 * is valid only during the call.
 */
export async function readLog(
  directory: string,
  identity: WalIdentity,
  each: (entry: Entry) => boolean,
): Promise<void> {
  const lasts = await lastOfGroups(directory, identity);
  let at = 0;
  await scanChain(directory, identity, (group) => {
    const last = lasts[at++];
    if (last === undefined) return false;
    if (group.entries === 0 || last < group.firstIndex) return true;
    return entriesOf(group, logIndex(group.firstIndex), logIndex(last)).every(each);
  });
}
