/** What replicas answer: rows (their count, then each in the market's encoding) and the market's replies. */
import { ByteReader, DecodeError } from "../base/bytes.ts";
import { decodeReply, readItem, readOrder } from "../market/codec.ts";
import type { Reply } from "../market/reply.ts";
import type { ItemRow, OrderRow } from "../market/rows.ts";

function readRows<Row>(rows: Uint8Array, readRow: (reader: ByteReader) => Row): Row[] {
  const reader = new ByteReader(rows);
  const count = reader.varint();
  const read: Row[] = [];
  for (let i = 0; i < count; i++) read.push(readRow(reader));
  reader.end();
  return read;
}

export function readItemRows(rows: Uint8Array): readonly ItemRow[] {
  return readRows(rows, readItem);
}

export function readOrderRows(rows: Uint8Array): readonly OrderRow[] {
  return readRows(rows, readOrder);
}

/** The one order that was asked for, if there is one. */
export function readOrderRow(rows: Uint8Array): OrderRow | undefined {
  return readOrderRows(rows)[0];
}

/** The same where a damaged answer is as good as none, because somebody else is asked then. */
export function readOrderRowIfAny(rows: Uint8Array): OrderRow | undefined {
  return readOrderRowsIfAny(rows)?.[0];
}

/** Undefined if they are damaged. */
export function readOrderRowsIfAny(rows: Uint8Array): readonly OrderRow[] | undefined {
  return undamaged(() => readOrderRows(rows));
}

/** The market's reply; undefined if it is damaged, and then it was one all the same, of whatever content. */
export function readReplyIfAny(reply: Uint8Array): Reply | undefined {
  return undamaged(() => decodeReply(reply));
}

function undamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
