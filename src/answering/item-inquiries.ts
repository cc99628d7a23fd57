/** The inquiries about items, answered from anything that holds items as a market does. */
import { unreachable } from "../base/assert.ts";
import { itemId } from "../base/units.ts";
import type { ItemReference } from "../market/command.ts";
import { type ItemTable, lookUpItem, type NamedItem, selectItems } from "../market/item-table.ts";
import type { Inquiry } from "../wire/service.ts";
import { encodeRow, encodeRows, noRows, type Page, type WriteRow } from "./pages.ts";

/** What can be answered by whoever has nothing but items. */
export type ItemInquiry = Extract<Inquiry, { kind: "position" | "item" | "items" }>;

/** `write` writes an item's row as the market encodes it. */
export function findItems<I extends NamedItem>(
  table: ItemTable<I>,
  write: WriteRow<I>,
  inquiry: ItemInquiry,
): Page {
  switch (inquiry.kind) {
    case "position":
      return noRows;
    case "item": {
      const item = lookUpItem(table, referenceTo(inquiry.item));
      return item === undefined ? noRows : encodeRow(item, write);
    }
    case "items": {
      const { topic, q, after, limit } = inquiry;
      const filter = {
        ...(topic !== undefined && { topic }),
        ...(q !== undefined && { q }),
        after: itemId(after),
        limit,
      };
      return encodeRows(selectItems(table, filter), write);
    }
    default:
      return unreachable(inquiry);
  }
}

function referenceTo(item: string | number): ItemReference {
  return typeof item === "string" ? { kind: "name", name: item } : { kind: "id", id: itemId(item) };
}
