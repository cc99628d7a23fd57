/**
 * Where in a replica's log something can be damaged: its groups, as they lie in the segments. They are found by
 * their headers only, for a damage need not care whether they check.
 */
import {
  getWide,
  groupField,
  groupHeaderBytes,
  groupMagic,
  segmentHeaderBytes,
  segmentNumber,
  viewOf,
} from "../log/embedded/wal/record.ts";

export interface GroupPlace {
  readonly path: string;
  readonly offset: number;
  /** Behind its last byte. */
  readonly end: number;
  readonly firstIndex: number;
  readonly entries: number;
}

/** The groups of one segment, in order. */
export function groupsOf(path: string, bytes: Uint8Array): GroupPlace[] {
  const view = viewOf(bytes);
  const groups: GroupPlace[] = [];
  let offset = segmentHeaderBytes;
  while (offset + groupHeaderBytes <= bytes.length) {
    if (view.getUint32(offset + groupField.magic, true) !== groupMagic) break;
    const end = offset + groupHeaderBytes + view.getUint32(offset + groupField.length, true);
    if (end > bytes.length) break;
    groups.push({
      path,
      offset,
      end,
      firstIndex: getWide(view, offset + groupField.firstIndex),
      entries: view.getUint32(offset + groupField.entries, true),
    });
    offset = end;
  }
  return groups;
}

/** The segments among `paths`, the oldest first; none of a log that was set aside. */
export function segmentPaths(paths: readonly string[]): string[] {
  const found: { readonly path: string; readonly number: number }[] = [];
  for (const path of paths) {
    const number = segmentNumber(path.slice(path.lastIndexOf("/") + 1));
    if (number !== undefined && !path.includes(".set-aside-")) found.push({ path, number });
  }
  return found.sort((a, b) => a.number - b.number).map(({ path }) => path);
}
