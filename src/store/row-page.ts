/** Rows of a copied state as they travel: their count, then each in the market's encoding. */
import { ByteWriter } from "../base/bytes.ts";

/** As many of `rows`, from the first on, as make about `maxBytes`, but at least one if there is one. */
export function encodePage<Row>(
  rows: Iterable<Row>,
  write: (writer: ByteWriter, row: Row) => void,
  maxBytes: number,
): Uint8Array {
  const body = new ByteWriter(Math.min(maxBytes, 64 * 1024) + 1_024);
  let count = 0;
  for (const row of rows) {
    write(body, row);
    count++;
    if (body.length >= maxBytes) break;
  }
  const page = new ByteWriter(8 + body.length);
  page.varint(count);
  page.raw(body.peek());
  return page.copy();
}
