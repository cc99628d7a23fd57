/**
 * The bytes of the market's building blocks: hashes, request ids, items, orders. An encoding here is *canonical*: one
 * value has one encoding, because state hashes are made over it.
 *
 * Readers check everything that `apply` relies on, so that a damaged or hostile payload is a `DecodeError` and never
 * a broken invariant.
 */
import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/bytes.ts";
import type { Hash128 } from "../base/hash128.ts";
import { requestLimits } from "../base/limits.ts";
import { itemId, orderNumber, position, sessionId } from "../base/units.ts";
import type { RequestId } from "./command.ts";
import { tooManyCodePoints } from "./names.ts";
import type { ItemRow, OrderLine, OrderRow } from "./rows.ts";

/** Drops `readonly` while a value is being built, so that absent properties stay absent. */
export type Building<T> = { -readonly [Name in keyof T]: T[Name] };

function checked(value: number, low: number, high: number, what: string): number {
  if (value < low || value > high) throw new DecodeError(`${what} of ${value} is not in ${low}…${high}`);
  return value;
}

/** A varint in [low, high]. */
export function readWithin(reader: ByteReader, low: number, high: number, what: string): number {
  return checked(reader.varint(), low, high, what);
}

/** A byte of flags, of which only those in `known` may be set. */
export function readFlags(reader: ByteReader, known: number, what: string): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) throw new DecodeError(`${what} with unknown flags ${flags}`);
  return flags;
}

/** A text within the bound of names. */
export function readText(reader: ByteReader, what: string): string {
  const text = reader.string();
  if (tooManyCodePoints(text)) throw new DecodeError(`${what} is too long`);
  return text;
}

export function writeHash(writer: ByteWriter, hash: Hash128): void {
  writer.u32(hash[0]);
  writer.u32(hash[1]);
  writer.u32(hash[2]);
  writer.u32(hash[3]);
}

export function readHash(reader: ByteReader): Hash128 {
  return [reader.u32(), reader.u32(), reader.u32(), reader.u32()];
}

export function writeRequestId(writer: ByteWriter, id: RequestId): void {
  if (id.kind === "session") {
    writer.u8(0);
    writer.varint(id.session);
    writer.varint(id.sequence);
  } else {
    writer.u8(1);
    writeHash(writer, id.key);
  }
}

export function readRequestId(reader: ByteReader): RequestId {
  const kind = reader.u8();
  if (kind === 0) {
    return { kind: "session", session: sessionId(reader.varint()), sequence: reader.varint() };
  }
  if (kind === 1) return { kind: "key", key: readHash(reader) };
  throw new DecodeError(`a request id of unknown kind ${kind}`);
}

const withTitle = 1;
const withTopic = 2;

export function writeItem(writer: ByteWriter, row: ItemRow): void {
  writer.u8((row.title === undefined ? 0 : withTitle) | (row.topic === undefined ? 0 : withTopic));
  writer.varint(row.id);
  writer.string(row.name);
  if (row.title !== undefined) writer.string(row.title);
  if (row.topic !== undefined) writer.string(row.topic);
  writer.varint(row.priceMinor);
  writer.varint(row.quantity);
  writer.varint(row.volume);
  writer.varint(row.supplied);
  writer.varint(row.changed);
}

export function readItem(reader: ByteReader): ItemRow {
  const flags = readFlags(reader, withTitle | withTopic, "an item");
  const id = itemId(readWithin(reader, 1, requestLimits.itemsMax, "an item id"));
  const name = readText(reader, "an item's name");
  const title = flags & withTitle ? readText(reader, "a title") : undefined;
  const topic = flags & withTopic ? readText(reader, "a topic") : undefined;
  const row: Building<ItemRow> = {
    id,
    name,
    priceMinor: readWithin(reader, 0, requestLimits.priceMinorMax, "a price"),
    quantity: readWithin(reader, 0, requestLimits.stockMax, "a stock"),
    volume: reader.varint(),
    supplied: reader.varint(),
    changed: position(reader.varint()),
  };
  if (title !== undefined) row.title = title;
  if (topic !== undefined) row.topic = topic;
  return row;
}

const isSell = 1;
const isCancelled = 2;
const hasLines = 4;
const withReference = 8;
const withCustomer = 16;

export function writeOrder(writer: ByteWriter, row: OrderRow): void {
  writer.u8(
    (row.side === "sell" ? isSell : 0) |
      (row.status === "cancelled" ? isCancelled : 0) |
      (row.shape === "lines" ? hasLines : 0) |
      (row.reference === undefined ? 0 : withReference) |
      (row.customer === undefined ? 0 : withCustomer),
  );
  writer.varint(row.number);
  writer.varint(row.position);
  writer.varint(row.at);
  writer.varint(row.totalMinor);
  writer.varint(row.lines.length);
  for (const line of row.lines) {
    writer.varint(line.id);
    writer.string(line.name);
    writer.varint(line.quantity);
    writer.varint(line.priceMinor);
  }
  if (row.reference !== undefined) writer.string(row.reference);
  if (row.customer !== undefined) writer.string(row.customer);
}

function readOrderLine(reader: ByteReader): OrderLine {
  return {
    id: itemId(readWithin(reader, 1, requestLimits.itemsMax, "an item id")),
    name: readText(reader, "an item's name"),
    quantity: readWithin(reader, requestLimits.quantityMin, requestLimits.quantityMax, "a quantity"),
    priceMinor: readWithin(reader, 0, requestLimits.priceMinorMax, "a price"),
  };
}

export function readOrder(reader: ByteReader): OrderRow {
  const flags = readFlags(reader, 31, "an order");
  const number = orderNumber(reader.varint());
  const placedAt = position(reader.varint());
  const at = reader.varint();
  const totalMinor = reader.varint();
  const count = readWithin(reader, 1, requestLimits.linesPerOrder, "a number of lines");
  const lines: OrderLine[] = [];
  for (let i = 0; i < count; i++) lines.push(readOrderLine(reader));
  const row: Building<OrderRow> = {
    number,
    position: placedAt,
    side: flags & isSell ? "sell" : "buy",
    status: flags & isCancelled ? "cancelled" : "filled",
    shape: flags & hasLines ? "lines" : "single",
    lines,
    totalMinor,
    at,
  };
  if (flags & withReference) row.reference = readText(reader, "a reference");
  if (flags & withCustomer) row.customer = readText(reader, "a customer");
  return row;
}
