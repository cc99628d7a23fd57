/**
 * Items by id and by name, and how one is found: the same for a market, which changes them, and for whoever holds a
 * copy of them and answers the same questions.
 */
import { assert, present } from "../base/assert.ts";
import type { ItemId } from "../base/units.ts";
import type { ItemReference } from "./command.ts";
import { foldName } from "./names.ts";

/** What an item is found by. */
export interface NamedItem {
  readonly id: ItemId;
  /** The canonical spelling. */
  readonly name: string;
  /** The name as it is compared. */
  readonly folded: string;
  readonly title: string | undefined;
  readonly topic: string | undefined;
}

/** Ids are dense from 1, names unique; an item never leaves. */
export interface ItemTable<I extends NamedItem> {
  /** The item with id `i` is at `i - 1`. */
  readonly items: I[];
  /**
   * By canonical and by folded name. Both fit one map: a spelling that is not its own folded form has an upper-case
   * letter, and no folded name has one. Callers mostly spell a name canonically, which then needs no folding.
   */
  readonly itemsByName: Map<string, I>;
}

export function emptyTable<I extends NamedItem>(): ItemTable<I> {
  return { items: [], itemsByName: new Map() };
}

/** Add an item with the next id. The caller has made sure that its name is free. */
export function addToTable<I extends NamedItem>(table: ItemTable<I>, item: I): void {
  assert(item.id === table.items.length + 1, () => `item ${item.id} behind ${table.items.length} items`);
  assert(!table.itemsByName.has(item.folded), () => `the name of item ${item.id} is taken`);
  table.items.push(item);
  table.itemsByName.set(item.folded, item);
  table.itemsByName.set(item.name, item);
}

/** The item that is meant, by its id or by any spelling of its name. */
export function lookUpItem<I extends NamedItem>(
  table: ItemTable<I>,
  reference: ItemReference,
): I | undefined {
  if (reference.kind === "id") return table.items[reference.id - 1];
  return table.itemsByName.get(reference.name) ?? table.itemsByName.get(foldName(reference.name));
}

/** All conditions that are given must hold; letters A–Z and a–z count as equal in both texts. */
export interface ItemFilter {
  readonly topic?: string;
  /** A part of the name or of the title. */
  readonly q?: string;
  /** Only items with a higher id. */
  readonly after?: ItemId;
  readonly limit: number;
}

/** The first items that fit, ascending by id. */
export function selectItems<I extends NamedItem>({ items }: ItemTable<I>, filter: ItemFilter): I[] {
  const topic = filter.topic === undefined ? undefined : foldName(filter.topic);
  const part = filter.q === undefined ? undefined : foldName(filter.q);
  const selected: I[] = [];
  for (let i = filter.after ?? 0; i < items.length && selected.length < filter.limit; i++) {
    const item = present(items[i], "an item of a dense list");
    if (topic !== undefined && (item.topic === undefined || foldName(item.topic) !== topic)) continue;
    if (part !== undefined && !item.folded.includes(part) && !titleIncludes(item, part)) continue;
    selected.push(item);
  }
  return selected;
}

function titleIncludes(item: NamedItem, part: string): boolean {
  return item.title !== undefined && foldName(item.title).includes(part);
}
