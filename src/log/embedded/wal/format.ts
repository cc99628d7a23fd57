/**
 * The format record: the proof that a directory was made for one replica of one cluster. It is written last when a
 * directory is formatted, so a directory that has it is complete; and it is never written by `open`, because a
 * replica whose disk was emptied may have voted and acknowledged before and must not begin again as if it had not.
 *
 * It also says whether the log was made for a replica that had lost its own: what may not be forgotten stands with
 * what the log is not opened without.
 */
import { dirname, join } from "node:path";
import { OperatingFailure } from "../../../base/failure.ts";
import { baseName } from "./base.ts";
import { readRecord, writeRecord } from "./checked-record.ts";
import { type WalFiles, withFile } from "./files.ts";
import { formatVersion, segmentHeaderBytes, segmentName, type WalIdentity } from "./record.ts";
import { cutName } from "./recover.ts";
import { inspectRest } from "./rest.ts";
import { createSegment, firstSegmentBytes, listSegments } from "./segments.ts";

const formatName = "format.json";

/** Whether the directory has a format record, of whomever. Without one a replica's disk was emptied. */
export async function isFormatted(files: WalFiles, dir: string): Promise<boolean> {
  return (await files.list(dir)).includes(formatName);
}

/**
 * Make `dir` an empty log. Refuses a directory that has a format record, or entries. `prepare` writes what else belongs
 * to it, before the record makes it a log. `recovering`: its replica had lost its own.
 */
export async function formatDirectory(
  files: WalFiles,
  dir: string,
  identity: WalIdentity,
  segmentBytes: number,
  { recovering, prepare }: { readonly recovering: boolean; readonly prepare: () => Promise<void> },
): Promise<void> {
  await files.makeDirectory(dir);
  await files.syncDirectory(dirname(dir));
  if (await isFormatted(files, dir)) {
    throw new OperatingFailure(
      "wrong-data",
      `${dir} already holds a write-ahead log, and formatting it would lose what it holds. ` +
        "Open it, or choose another directory.",
    );
  }
  await removeLeftovers(files, dir);
  const file = await createSegment(files, dir, 1, Math.min(segmentBytes, firstSegmentBytes), identity);
  await file.close();
  await prepare();
  await writeFormat(files, dir, identity, recovering);
}

/** Durable when it resolves. */
export function writeFormat(
  files: WalFiles,
  dir: string,
  identity: WalIdentity,
  recovering: boolean,
): Promise<void> {
  return writeRecord(files, dir, formatName, {
    version: formatVersion,
    cluster: identity.cluster,
    replica: identity.replica,
    ...(recovering && { recovering }),
  });
}

/** The first of a directory's segments with a group in it. */
export async function segmentWithGroups(files: WalFiles, dir: string): Promise<string | undefined> {
  for (const name of (await listSegments(files, dir)).map(segmentName)) {
    const holds = await withFile(files, join(dir, name), async (file) => {
      const size = await file.size();
      return (await inspectRest(file, size, segmentHeaderBytes, 0, 0)).usedTo !== undefined;
    });
    if (holds) return name;
  }
  return undefined;
}

/** What a format that was interrupted left: a first segment without a group. Anything more is someone's data. */
async function removeLeftovers(files: WalFiles, dir: string): Promise<void> {
  const holds = await segmentWithGroups(files, dir);
  if (holds !== undefined) {
    throw new OperatingFailure(
      "wrong-data",
      `${dir} has no ${formatName}, but ${holds} holds entries, which formatting would lose. ` +
        "Move its files away, or choose another directory.",
    );
  }
  const names = [...(await listSegments(files, dir)).map(segmentName), baseName, cutName];
  for (const name of names) await files.remove(join(dir, name));
  await files.syncDirectory(dir);
}

/** Throws `OperatingFailure("wrong-data")` unless `dir` was formatted for this replica in this version. */
export async function checkFormat(
  files: WalFiles,
  dir: string,
  identity: WalIdentity,
): Promise<{ readonly recovering: boolean }> {
  const record = (await readRecord(files, dir, formatName)) as
    | {
        readonly version: unknown;
        readonly cluster: unknown;
        readonly replica: unknown;
        readonly recovering?: unknown;
      }
    | undefined;
  const refuse = (what: string, next: string): never => {
    throw new OperatingFailure("wrong-data", `${dir} ${what} ${next}`);
  };
  if (record === undefined) {
    return refuse(
      `has no ${formatName}: it was never formatted, or its files were lost, and a replica that forgot its votes must not vote.`,
      "The others go on without it, until it was made anew as one that recovers.",
    );
  }
  if (record.version !== formatVersion) {
    return refuse(
      `holds a write-ahead log of format version ${record.version}, and this program reads version ${formatVersion}.`,
      "Use the program that wrote it, or start with another --data directory.",
    );
  }
  if (record.cluster !== identity.cluster || record.replica !== identity.replica) {
    return refuse(
      `belongs to replica ${record.replica} of cluster ${record.cluster}, not to replica ${identity.replica} of cluster ${identity.cluster}.`,
      "Start with the --data directory that is this replica's.",
    );
  }
  return { recovering: record.recovering === true };
}
