/**
 * A replica whose log was lost or is damaged: what is left is set aside, not deleted, for whoever wants to look; and
 * an empty log is made that says of itself that its replica is *recovering*. Such a one may have voted and
 * acknowledged before, so it neither votes nor counts until it has recovered from its peers.
 *
 * A crash between the two, or within either, leaves a directory that was not formatted: the next start does both
 * again, and what an interrupted format left is not worth setting aside.
 */
import { basename, dirname } from "node:path";
import type { LogBase } from "../../../raft/log-view.ts";
import { highestIncarnation, seedIncarnation } from "../incarnation.ts";
import { originalBase, writeBase } from "./base.ts";
import type { WalFiles } from "./files.ts";
import { formatDirectory, isFormatted, segmentWithGroups } from "./format.ts";
import { nodeFiles } from "./node-files.ts";
import type { WalIdentity } from "./record.ts";
import { defaultSegmentBytes } from "./segments.ts";

/**
 * Rename the log's directory. Returns its new name, durable; `undefined` if there is nothing in it that a log ever
 * was.
 */
export async function setAside(dir: string, files: WalFiles = nodeFiles): Promise<string | undefined> {
  if (!(await isFormatted(files, dir)) && (await segmentWithGroups(files, dir)) === undefined) {
    return undefined;
  }
  const aside = asideName(dir, Math.max(0, ...(await numbersTaken(dir, files))) + 1);
  await files.rename(dir, aside);
  await files.syncDirectory(dirname(dir));
  return aside;
}

function asideName(dir: string, number: number): string {
  return `${dir}.set-aside-${number}`;
}

/** Of what was set aside before. */
async function numbersTaken(dir: string, files: WalFiles): Promise<readonly number[]> {
  const prefix = `${basename(dir)}.set-aside-`;
  return (await files.list(dirname(dir)))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter((number) => Number.isSafeInteger(number));
}

/**
 * Make `dir` the empty log of a replica that has lost its own and is recovering. It goes on behind `base`: what its
 * store holds, or nothing at all. Its lives are counted on from those of the logs that were set aside, as far as these
 * can be read, and from the wall clock (incarnation.ts), which may have been set back since. Durable when it resolves. Throws `OperatingFailure("wrong-data")` if there is a log in `dir`.
 */
export async function formatRecovering(
  dir: string,
  identity: WalIdentity,
  base: LogBase,
  options: {
    /** Now, if not given. */
    readonly wallClockMs?: number;
    readonly segmentBytes?: number;
    readonly files?: WalFiles;
  },
): Promise<void> {
  const { files = nodeFiles, segmentBytes = defaultSegmentBytes, wallClockMs = Date.now() } = options;
  const prepare = async (): Promise<void> => {
    const kept = (await numbersTaken(dir, files)).map((number) => asideName(dir, number));
    const known = await highestIncarnation(kept, files);
    await seedIncarnation(dir, files, Math.max(wallClockMs, known + 1));
    await writeBase(files, dir, originalBase(base, undefined));
  };
  await formatDirectory(files, dir, identity, segmentBytes, { recovering: true, prepare });
}
