/**
 * Damage that is not a torn tail. What it hit may have been committed, so nothing is repaired here and nothing on
 * the disk is changed: the replica reports it and recovers from its peers.
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
        "Committed entries may be lost here, so nothing was changed and this replica must not vote. " +
        "Let it recover from its peers; check the disk.",
    );
    this.segment = segment;
    this.offset = offset;
    this.found = found;
  }
}
