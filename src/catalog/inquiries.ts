/**
 * What a catalog can answer: lookups and lists of items, at the position to which its feed has come. It cannot know
 * what is the latest, and has no orders; whoever asks for that is told that this is not the place.
 */
import { findItems } from "../answering/item-inquiries.ts";
import type { Page } from "../answering/pages.ts";
import { PositionWaiters } from "../answering/position-waiters.ts";
import type { AnsweringHost } from "../answering/questions.ts";
import { OperatingFailure } from "../base/failure.ts";
import { position } from "../base/units.ts";
import { emptyTable } from "../market/item-table.ts";
import type { Inquiry } from "../wire/service.ts";
import { type CatalogItems, writeCatalogItem } from "./catalog-items.ts";

export interface CatalogInquiries extends AnsweringHost {
  readonly applied: PositionWaiters;
  /** Those at `applied.position`. */
  items: CatalogItems;
}

/** Of a catalog that has nothing yet. */
export function catalogInquiries(): CatalogInquiries {
  return {
    applied: new PositionWaiters(position(0)),
    items: emptyTable(),
    readPoint: () =>
      Promise.reject(new OperatingFailure("not-leader", "A catalog does not know what is the latest.")),
  };
}

export function find({ items }: CatalogInquiries, inquiry: Inquiry): Page | Promise<Page> {
  if (inquiry.kind === "order" || inquiry.kind === "orders") {
    return Promise.reject(new OperatingFailure("not-leader", "A catalog has no orders."));
  }
  return findItems(items, writeCatalogItem, inquiry);
}
