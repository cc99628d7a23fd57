/**
 * The format record: the proof that a directory was made for one replica of one cluster. It is written last when a
 * directory is formatted, so a directory that has it is complete; and it is never written by `open`, because a
 * replica whose disk was emptied may have voted and acknowledged before and must not begin again as if it had not.
 */
import { dirname, join } from "node:path";
import { OperatingFailure } from "../../../base/failure.ts";
import { readRecord, writeRecord } from "./checked-record.ts";
import { type WalFiles, withFile } from "./files.ts";
import { formatVersion, segmentHeaderBytes, segmentName, segmentNumber, type WalIdentity } from "./record.ts";
import { inspectRest } from "./rest.ts";
import { createSegment, firstSegmentBytes } from "./segments.ts";

const formatName = "format.json";

/** Whether the directory has a format record, of whomever. Without one a replica's disk was emptied. */
export async function isFormatted(files: WalFiles, dir: string): Promise<boolean> {
  return (await files.list(dir)).includes(formatName);
}

/** Make `dir` an empty log. Refuses a directory that has a format record, or entries. */
export async function formatDirectory(
  files: WalFiles,
  dir: string,
  identity: WalIdentity,
  segmentBytes: number,
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
  await writeRecord(files, dir, formatName, {
    version: formatVersion,
    cluster: identity.cluster,
    replica: identity.replica,
  });
}

/** What a format that was interrupted left: a first segment without a group. Anything more is someone's data. */
async function removeLeftovers(files: WalFiles, dir: string): Promise<void> {
  for (const name of await files.list(dir)) {
    if (segmentNumber(name) === undefined) continue;
    const holds = await withFile(files, join(dir, name), async (file) => {
      const size = await file.size();
      return (await inspectRest(file, size, segmentHeaderBytes, 0, 0)).usedTo !== undefined;
    });
    if (holds || name !== segmentName(1)) {
      throw new OperatingFailure(
        "wrong-data",
        `${dir} has no ${formatName}, but ${name} holds entries, which formatting would lose. ` +
          "Move its files away, or choose another directory.",
      );
    }
    await files.remove(join(dir, name));
  }
}

/** Throws `OperatingFailure("wrong-data")` unless `dir` was formatted for this replica in this version. */
export async function checkFormat(files: WalFiles, dir: string, identity: WalIdentity): Promise<void> {
  const record = (await readRecord(files, dir, formatName)) as
    | { readonly version: unknown; readonly cluster: unknown; readonly replica: unknown }
    | undefined;
  const refuse = (what: string, next: string): never => {
    throw new OperatingFailure("wrong-data", `${dir} ${what} ${next}`);
  };
  if (record === undefined) {
    refuse(
      `has no ${formatName}: it was never formatted, or its files were lost, and a replica that forgot its votes must not vote.`,
      "The others go on without it. Do not empty its directory; restore it from a copy that was made since it last ran.",
    );
  } else if (record.version !== formatVersion) {
    refuse(
      `holds a write-ahead log of format version ${record.version}, and this program reads version ${formatVersion}.`,
      "Use the program that wrote it, or start with another --data directory.",
    );
  } else if (record.cluster !== identity.cluster || record.replica !== identity.replica) {
    refuse(
      `belongs to replica ${record.replica} of cluster ${record.cluster}, not to replica ${identity.replica} of cluster ${identity.cluster}.`,
      "Start with the --data directory that is this replica's.",
    );
  }
}
