/**
 * A replica's log, read from its files without touching them, also while the replica writes and compacts: for those
 * who look on.
 *
 * All segments are opened first, so what is removed meanwhile is read all the same. Then two passes go over the same
 * groups: the first learns which entries a later leader replaced, the second hands out the others. Each follows the
 * chain from the first segment on and stops where it ends, so what is written meanwhile only lengthens the second
 * pass, which leaves it for the next look. What does not check is not reported: a start (recover.ts) is who tells a
 * torn tail from damage.
 */
import { join } from "node:path";
import { logIndex } from "../../../base/units.ts";
import type { Entry } from "../../../raft/message.ts";
import { type BaseRecord, readBase } from "./base.ts";
import { WalDamaged } from "./damage.ts";
import type { WalFile } from "./files.ts";
import { nodeFiles } from "./node-files.ts";
import { readSegmentHeader, segmentHeaderBytes, segmentName, type WalIdentity } from "./record.ts";
import { entriesOf, type Place, type ScannedGroup, scanGroups } from "./scan.ts";
import { listSegments } from "./segments.ts";

/** A log that is compacted again and again while it is being opened: more than bad luck. */
const opensMax = 20;

interface OpenLog {
  readonly base: BaseRecord;
  readonly segments: { readonly number: number; readonly file: WalFile }[];
}

/** All segments of the log as it was at one moment; `undefined` if it was compacted meanwhile. */
async function openOnce(directory: string): Promise<OpenLog | undefined> {
  const log: OpenLog = { base: await readBase(nodeFiles, directory), segments: [] };
  const numbers = (await listSegments(nodeFiles, directory)).filter((number) => number >= log.base.segment);
  if (numbers[0] !== log.base.segment) return undefined;
  try {
    for (const number of numbers) {
      const file = await nodeFiles.open(join(directory, segmentName(number)), "existing");
      log.segments.push({ number, file });
    }
  } catch (error) {
    await closeLog(log);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
  return log;
}

async function openLog(directory: string): Promise<OpenLog> {
  for (let i = 0; i < opensMax; i++) {
    const log = await openOnce(directory);
    if (log !== undefined) return log;
  }
  const { segment } = await readBase(nodeFiles, directory);
  throw new WalDamaged(segmentName(segment), 0, "the segment is missing");
}

async function closeLog(log: OpenLog): Promise<void> {
  for (const { file } of log.segments) await file.close();
}

/** Call `each` with every group of the chain, in order, until it returns false. */
async function scanChain(
  log: OpenLog,
  identity: WalIdentity,
  each: (group: ScannedGroup) => boolean,
): Promise<void> {
  let wanted = true;
  let before: Place | undefined;
  for (const { number, file } of log.segments) {
    const header = new Uint8Array(segmentHeaderBytes);
    await file.pread(header, 0, header.length, 0);
    const from = readSegmentHeader(header, identity, number);
    // Only prepared so far, or what is before it has grown since it was read.
    if (from === undefined) return;
    if (before !== undefined && (from.sequence !== before.sequence || from.chain !== before.chain)) return;
    const start = { ...from, offset: segmentHeaderBytes };
    before = await scanGroups(file, await file.size(), start, false, (group) => {
      wanted = each(group);
      return wanted;
    });
    if (!wanted) return;
  }
}

/** The entries from `first` on are replaced: those of the last groups, between which may be some without entries. */
function replaceFrom(lasts: number[], first: number): void {
  for (let i = lasts.length - 1; i >= 0; i--) {
    if (lasts[i] === 0) continue;
    if ((lasts[i] ?? 0) < first) return;
    lasts[i] = first - 1;
  }
}

/** Of each group, by its place in the log, the last entry that no later group replaced; 0 if it has none that counts. */
async function lastOfGroups(log: OpenLog, identity: WalIdentity): Promise<readonly number[]> {
  const lasts: number[] = [];
  let last: number = log.base.index;
  await scanChain(log, identity, ({ firstIndex, entries, place }) => {
    if (entries === 0 || place.sequence < log.base.sequence) {
      lasts.push(0);
      return true;
    }
    // The log was reset while it was read: what follows is another one.
    if (firstIndex <= log.base.index || firstIndex > last + 1) return false;
    replaceFrom(lasts, firstIndex);
    last = firstIndex + entries - 1;
    lasts.push(last);
    return true;
  });
  return lasts;
}

/**
 * Call `each` with every entry of the log in order, from the first one that is kept on, until it returns false. An
 * entry's payload is valid only during the call.
 */
export async function readLog(
  directory: string,
  identity: WalIdentity,
  each: (entry: Entry) => boolean,
): Promise<void> {
  const log = await openLog(directory);
  try {
    const lasts = await lastOfGroups(log, identity);
    let at = 0;
    await scanChain(log, identity, (group) => {
      const last = lasts[at++];
      if (last === undefined) return false;
      if (last < group.firstIndex) return true;
      return entriesOf(group, logIndex(group.firstIndex), logIndex(last)).every(each);
    });
  } finally {
    await closeLog(log);
  }
}
