/**
 * The change feed: what a replica tells its followers outside the group of every entry it applies. Catalogs follow any
 * replica; a front-end that holds a lease is told by the leader. The rows of an entry are encoded once for all of them.
 *
 * A catalog says `follow`, a frame without a body; the replica sends its items, in as many `feedItems` frames as it
 * takes, all of the one state, and from there on a `change` for every entry, without a gap. What is told is committed.
 */
import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { type LogIndex, logIndex, type Position, position } from "../base/units.ts";

/** Replica → catalog: a part of the items, ascending by id. */
export interface FeedItems {
  readonly index: LogIndex;
  readonly position: Position;
  /** No further part follows: this is the whole state at `position`. */
  readonly last: boolean;
  /** Item rows in the market's encoding, after their count. */
  readonly rows: Uint8Array;
}

/** Replica → catalogs, leader → lease holders: an entry was applied. */
export interface Change {
  readonly index: LogIndex;
  /** The position of the entry's last command. */
  readonly position: Position;
  /** The items as they are after the entry, of those that it changed: their count, then each row. */
  readonly rows: Uint8Array;
}

export function writeFeedItems(body: ByteWriter, part: FeedItems): void {
  body.varint(part.index);
  body.varint(part.position);
  body.u8(part.last ? 1 : 0);
  body.bytes(part.rows);
}

export function readFeedItems(body: ByteReader): FeedItems {
  const part = {
    index: logIndex(body.varint()),
    position: position(body.varint()),
    last: body.u8() === 1,
    rows: body.bytes(),
  };
  body.end();
  return part;
}

export function writeChange(body: ByteWriter, change: Change): void {
  body.varint(change.index);
  body.varint(change.position);
  body.bytes(change.rows);
}

export function readChange(body: ByteReader): Change {
  const change = { index: logIndex(body.varint()), position: position(body.varint()), rows: body.bytes() };
  body.end();
  return change;
}
