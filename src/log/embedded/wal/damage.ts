/**
 * Damage that is not a torn tail. What it hit may have been committed, so nothing is repaired here and nothing on
 * the disk is changed: the replica does not start, the others go on without it, and the operator must look. A replica
 * with an empty directory in its place could vote again in a term it has voted in, and make up a majority without
 * what it had acknowledged.
 */
export class WalDamaged extends Error {
  override readonly name = "WalDamaged";
  /** The file's name in the log's directory. */
  readonly segment: string;
  /** Where in the file what was expected is not. */
  readonly offset: number;
  readonly found: string;

  constructor(segment: string, offset: number, found: string) {
    super(
      `The write-ahead log is damaged in ${segment} at byte ${offset}: ${found}. ` +
        "Committed entries may be lost here, so nothing was changed, and this replica does not start; the others go " +
        "on without it. Do not empty its directory; restore it from a copy that was made since it last ran, and " +
        "check the disk.",
    );
    this.segment = segment;
    this.offset = offset;
    this.found = found;
  }
}
