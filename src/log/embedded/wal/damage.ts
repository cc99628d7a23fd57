/**
 * Damage that is not a torn tail. What it hit may have been committed, so nothing is repaired here and nothing on
 * the disk is changed. Whoever opened the log sets it aside and has the replica recover from its peers
 * (set-aside.ts): one with an empty log in its place could vote again in a term it has voted in, and make up a
 * majority without what it had acknowledged.
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
        "Committed entries may be lost here, so nothing was changed. The log is set aside, and the replica recovers " +
        "from its peers; it neither votes nor counts until it has. A replica that is alone has no peers and does " +
        "not start: restore its directory from a copy that was made since it last ran. Check the disk.",
    );
    this.segment = segment;
    this.offset = offset;
    this.found = found;
  }
}
