/** Rows as an answer carries them: encoded, after their count, in pages of a size that a frame can bear. */
import { ByteWriter } from "../base/bytes.ts";
import type { Answered } from "../wire/service.ts";

/** The rows of one answer, and whether more were found than it may hold. */
export type Page = Pick<Extract<Answered, { kind: "rows" }>, "rows" | "more">;

export type WriteRow<Row> = (writer: ByteWriter, row: Row) => void;

/** Of an answer's page; the rest of what was found is another question's. */
const pageBytes = 1024 * 1024;

/** Used for every page: a page is copied out of them in its exact size. */
const rowWriter = new ByteWriter(4_096);
const pageWriter = new ByteWriter(4_096);

/** The first of `rows`, each written by `write`: as many as a page holds, at least one if there is one. */
export function encodeRows<Row>(
  rows: readonly Row[],
  write: WriteRow<Row>,
  bytesMax: number = pageBytes,
): Page {
  rowWriter.reset();
  let count = 0;
  for (const row of rows) {
    if (rowWriter.length >= bytesMax) break;
    write(rowWriter, row);
    count++;
  }
  pageWriter.reset();
  pageWriter.varint(count);
  pageWriter.raw(rowWriter.peek());
  return { rows: pageWriter.copy(), more: count < rows.length };
}

/** The page of one row: by far the most frequent one. */
export function encodeRow<Row>(row: Row, write: WriteRow<Row>): Page {
  pageWriter.reset();
  pageWriter.varint(1);
  write(pageWriter, row);
  return { rows: pageWriter.copy(), more: false };
}

export const noRows: Page = { rows: new Uint8Array([0]), more: false };
