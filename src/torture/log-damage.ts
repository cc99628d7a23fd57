/** What a failing disk does to a log, and a careless operator to a directory. The replica does not run meanwhile. */
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { present } from "../base/assert.ts";
import { integerBetween, type Random } from "../base/random.ts";

interface Segment {
  readonly path: string;
  readonly bytes: Buffer;
  /** Behind the last byte that is not zero: segments are preallocated. */
  readonly end: number;
}

/** Those that hold records, ascending. */
function segmentsOf(replica: string): readonly Segment[] {
  const directory = join(replica, "log");
  return readdirSync(directory)
    .filter((name) => name.endsWith(".wal"))
    .sort()
    .map((name) => {
      const path = join(directory, name);
      const bytes = readFileSync(path);
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end--;
      return { path, bytes, end };
    })
    .filter(({ end }) => end > 0);
}

/** The file that a replica's log is written to. */
export function openLogFile(replica: string): string {
  return present(segmentsOf(replica).at(-1), "a log").path;
}

/** Invert a bit somewhere that means something: between records there are zeros. Says what was done. */
export function flipBit(replica: string, random: Random): string {
  const segments = segmentsOf(replica);
  const segment = segments[integerBetween(random, 0, segments.length - 1)];
  if (segment === undefined) return "no log to damage";
  const { path, bytes, end } = segment;
  let at = integerBetween(random, 0, end - 1);
  while (bytes[at] === 0) at++;
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << integerBetween(random, 0, 7)), at);
  writeFileSync(path, bytes);
  return `bit flipped at ${at} of ${end} bytes of ${path}`;
}

/**
 * Cut a segment short: the last one within its last record, as a crash might, any other one anywhere. The last one is
 * not cut further back: an end between two records looks like a log that was never longer, which no one can notice.
 */
export function tearLog(replica: string, random: Random): string {
  const segments = segmentsOf(replica);
  const index = random() < 0.5 ? segments.length - 1 : integerBetween(random, 0, segments.length - 1);
  const segment = segments[index];
  if (segment === undefined) return "no log to damage";
  const { path, end } = segment;
  const isLast = index === segments.length - 1;
  const length = isLast ? end - integerBetween(random, 1, lastBytesTorn) : integerBetween(random, 0, end - 1);
  truncateSync(path, length);
  return `${path} cut to ${length} of ${end} bytes${isLast ? ", the last segment" : ""}`;
}

/** A record takes more than so many bytes. */
const lastBytesTorn = 40;

/** Lose the whole directory's content, the log, or the database. */
export function loseDisk(replica: string, random: Random): string {
  const what = (["everything", "the log", "the database"] as const)[integerBetween(random, 0, 2)];
  for (const name of readdirSync(replica)) {
    const gone =
      what === "everything" || (what === "the log" ? name === "log" : name.startsWith("orders.sqlite"));
    // The log's directory stays, as after a disk was replaced and mounted.
    if (gone && what === "the log")
      for (const file of readdirSync(join(replica, name)))
        rmSync(join(replica, name, file), { recursive: true });
    else if (gone) rmSync(join(replica, name), { recursive: true });
  }
  return `${what} of ${replica} lost`;
}
