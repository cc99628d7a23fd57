/**
 * A catalog's items: what they are found by, and their rows as the bytes that they came in. Most rows are replaced
 * before anybody asks for them, and those that are asked for leave as they came: nothing is encoded here.
 */
import { ByteReader, type ByteWriter, DecodeError } from "../base/bytes.ts";
import { readItem } from "../market/codec.ts";
import { addToTable, type ItemTable, type NamedItem } from "../market/item-table.ts";
import { foldName } from "../market/names.ts";

export interface CatalogItem extends NamedItem {
  title: string | undefined;
  topic: string | undefined;
  /** The row in the market's encoding. Its own bytes: a view would keep the whole frame. */
  row: Uint8Array;
}

export type CatalogItems = ItemTable<CatalogItem>;

export function writeCatalogItem(writer: ByteWriter, item: CatalogItem): void {
  writer.raw(item.row);
}

/**
 * Put rows, after their count, into the table: each is of an item that is there, or of the next one. Throws
 * `DecodeError`, with the table as it was, if they are not.
 */
export function putRows(items: CatalogItems, rows: Uint8Array): void {
  for (const item of readRows(items, rows)) {
    const known = items.items[item.id - 1];
    if (known === undefined) {
      addToTable(items, item);
      continue;
    }
    known.title = item.title;
    known.topic = item.topic;
    known.row = item.row;
  }
}

function readRows({ items, itemsByName }: CatalogItems, rows: Uint8Array): CatalogItem[] {
  const reader = new ByteReader(rows);
  const count = reader.varint();
  const read: CatalogItem[] = [];
  const added = new Set<string>();
  for (let i = 0; i < count; i++) {
    const start = reader.offset;
    const { id, name, title, topic } = readItem(reader);
    const row = new Uint8Array(rows.subarray(start, reader.offset));
    const known = items[id - 1];
    if (known !== undefined) {
      if (known.name !== name) throw new DecodeError(`item ${id} is ${known.name}, not ${name}`);
      read.push({ id, name, folded: known.folded, title, topic, row });
      continue;
    }
    const folded = foldName(name);
    if (id !== items.length + added.size + 1) throw new DecodeError(`item ${id} behind ${items.length}`);
    if (itemsByName.has(folded) || added.has(folded)) throw new DecodeError(`${name} is an item already`);
    added.add(folded);
    read.push({ id, name, folded, title, topic, row });
  }
  reader.end();
  return read;
}
