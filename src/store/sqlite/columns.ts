/** How values of the market stand in the tables: hashes as bytes, lines and outcomes as JSON. */
import { assert } from "../../base/assert.ts";
import type { Hash128 } from "../../base/hash128.ts";
import { orderNumber, position, ticks } from "../../base/units.ts";
import type { RequestId } from "../../market/command.ts";
import type { Answer, OrderLine, OrderRow, Outcome } from "../../market/rows.ts";

/** The most significant byte first, so that SQLite's `hex()` of it is our `formatHash`. */
export function putHash(bytes: Uint8Array, offset: number, hash: Hash128): void {
  let at = offset;
  for (let word = 3; word >= 0; word--) {
    const value = hash[word] as number;
    bytes[at++] = value >>> 24;
    bytes[at++] = value >>> 16;
    bytes[at++] = value >>> 8;
    bytes[at++] = value;
  }
}

export function hashToBlob(hash: Hash128): Buffer {
  const blob = Buffer.allocUnsafe(16);
  putHash(blob, 0, hash);
  return blob;
}

export function hashFromBlob(blob: Buffer): Hash128 {
  return [blob.readUInt32BE(12), blob.readUInt32BE(8), blob.readUInt32BE(4), blob.readUInt32BE(0)];
}

export interface OrderColumns {
  readonly number: number;
  readonly position: number;
  readonly side: OrderRow["side"];
  readonly status: OrderRow["status"];
  readonly shape: OrderRow["shape"];
  readonly lines: string;
  readonly total_minor: number;
  readonly reference: string | null;
  readonly customer: string | null;
  readonly at: number;
}

export function orderFromColumns(row: OrderColumns): OrderRow {
  return {
    number: orderNumber(row.number),
    position: position(row.position),
    side: row.side,
    status: row.status,
    shape: row.shape,
    lines: JSON.parse(row.lines) as OrderLine[],
    totalMinor: row.total_minor,
    ...(row.reference !== null && { reference: row.reference }),
    ...(row.customer !== null && { customer: row.customer }),
    at: row.at,
  };
}

export interface AnswerColumns {
  readonly body: Buffer;
  readonly tick: number;
  readonly position: number;
  readonly order_number: number | null;
  readonly reply: string | null;
}

export function answerFromColumns(id: RequestId, row: AnswerColumns): Answer {
  return {
    id,
    body: hashFromBlob(row.body),
    tick: ticks(row.tick),
    position: position(row.position),
    outcome: outcomeFromColumns(row),
  };
}

function outcomeFromColumns(row: AnswerColumns): Outcome {
  if (row.order_number !== null) return { kind: "order", number: orderNumber(row.order_number) };
  assert(row.reply !== null, "an answer is an order's number or a reply");
  return { kind: "reply", reply: JSON.parse(row.reply) as Extract<Outcome, { kind: "reply" }>["reply"] };
}
