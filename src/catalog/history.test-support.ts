/** A market's history as its change feed tells it: what the tests of this folder share. */
import { encodeRows } from "../answering/pages.ts";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { formatHash } from "../base/hash128.ts";
import { itemId, type LogIndex, logIndex, type Position, position } from "../base/units.ts";
import { apply } from "../market/apply.ts";
import { readItem, writeItem } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import { emptyMarket, listItems } from "../market/market.ts";
import type { Answer, ItemRow } from "../market/rows.ts";
import type { Change, FeedItems } from "../wire/feed.ts";
import type { FeedState } from "./feed-follower.ts";

/** The state after one entry, and what the entry changed. */
interface Entry {
  readonly index: LogIndex;
  readonly position: Position;
  readonly items: readonly ItemRow[];
  readonly changed: readonly ItemRow[];
}

export class History {
  readonly #market = emptyMarket();
  readonly #answers = new Map<string, Answer>();
  /** The entry with index `i` is at `i`; before the first there is nothing. */
  readonly entries: Entry[] = [{ index: logIndex(0), position: position(0), items: [], changed: [] }];

  get last(): Entry {
    return this.at(this.entries.length - 1);
  }

  at(index: number): Entry {
    const entry = this.entries[index];
    if (entry === undefined) throw new Error(`no entry ${index}`);
    return entry;
  }

  /** One entry; of none it is one of the log's own, which changes nothing. */
  add(...commands: Command[]): Entry {
    const answered = (key: Parameters<typeof formatHash>[0]) => this.#answers.get(formatHash(key));
    const changed: ItemRow[] = [];
    if (commands.length > 0) {
      const { rows } = apply(this.#market, { at: 0, commands }, answered);
      changed.push(...rows.items);
      for (const answer of rows.answers) {
        if (answer.id.kind === "key") this.#answers.set(formatHash(answer.id.key), answer);
      }
    }
    const entry = {
      index: logIndex(this.entries.length),
      position: this.#market.position,
      items: listItems(this.#market, { limit: this.#market.items.length }),
      changed,
    };
    this.entries.push(entry);
    return entry;
  }

  change(index: number): Change {
    const entry = this.at(index);
    return { index: entry.index, position: entry.position, rows: encodeRows(entry.changed, writeItem).rows };
  }

  /** The whole state after an entry, in parts of so many items. */
  parts(index: number, itemsPerPart: number): FeedItems[] {
    const { items, ...at } = this.at(index);
    const parts: FeedItems[] = [];
    for (let start = 0; start === 0 || start < items.length; start += itemsPerPart) {
      const { rows } = encodeRows(items.slice(start, start + itemsPerPart), writeItem);
      parts.push({
        index: at.index,
        position: at.position,
        last: start + itemsPerPart >= items.length,
        rows,
      });
    }
    return parts;
  }
}

/** The rows that are served. */
export function rowsOf({ items }: FeedState): ItemRow[] {
  return items.items.map(({ row }) => readItem(new ByteReader(row)));
}

export function decodeItems(rows: Uint8Array): ItemRow[] {
  const reader = new ByteReader(rows);
  const items = Array.from({ length: reader.varint() }, () => readItem(reader));
  reader.end();
  return items;
}

/** A row of an item that no market has made: for what must be refused. */
export function strangeRows(...items: (readonly [id: number, name: string])[]): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(items.length);
  for (const [id, name] of items) {
    const counts = { priceMinor: 1, quantity: 1, volume: 0, supplied: 1, changed: position(1) };
    writeItem(writer, { id: itemId(id), name, ...counts });
  }
  return writer.finish();
}
