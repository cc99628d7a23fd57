/**
 * Answers front-ends' questions from this replica's state: items from memory, orders from the store. A question is
 * answered at a state that is fresh enough for it, never at one that is not committed.
 *
 * The store may hold more orders than the state has: rows of a copy that is not installed, which nobody has checked
 * as a whole yet, or of an entry that is applied while the store looks. So the market says where the orders end.
 */
import { findItems } from "../answering/item-inquiries.ts";
import { encodeRow, encodeRows, noRows, type Page } from "../answering/pages.ts";
import { type Asker, answerEach } from "../answering/questions.ts";
import type { ByteWriter } from "../base/bytes.ts";
import { orderNumber } from "../base/units.ts";
import { writeItem, writeOrder } from "../market/codec.ts";
import { findItem, type Item, itemRow, type Market } from "../market/market.ts";
import type { OrderFilter, Store } from "../store/port.ts";
import type { Inquiry, Question } from "../wire/service.ts";
import type { Applied } from "./applied.ts";

export interface InquiriesHost {
  readonly market: Market;
  readonly store: Store;
  readonly applied: Applied;
  /** Resolves when this replica has applied all that anyone was told before the call; rejects if it cannot know. */
  readPoint(): Promise<void>;
}

/** One frame of questions. Those that want the latest state share one read point. */
export function answerQuestions(host: InquiriesHost, link: Asker, questions: readonly Question[]): void {
  answerEach(host, find, link, questions);
}

const writeItemRow = (writer: ByteWriter, item: Item): void => writeItem(writer, itemRow(item));

function find({ market, store }: InquiriesHost, inquiry: Inquiry): Page | Promise<Page> {
  switch (inquiry.kind) {
    case "order":
      if (inquiry.number >= market.nextOrder) return noRows;
      return store
        .order(orderNumber(inquiry.number))
        .then((row) => (row === undefined ? noRows : encodeRow(row, writeOrder)));
    case "orders": {
      const filter = orderFilter(market, inquiry);
      if (filter === undefined) return noRows;
      return store.orders(filter).then((rows) => encodeRows(rows, writeOrder));
    }
    default:
      return findItems(market, writeItemRow, inquiry);
  }
}

/** `undefined` if no order can match, because the item does not exist. */
function orderFilter(
  market: Market,
  { item, customer, reference, after, before, limit }: Extract<Inquiry, { kind: "orders" }>,
): OrderFilter | undefined {
  const row = item === undefined ? undefined : findItem(market, { kind: "name", name: item });
  if (item !== undefined && row === undefined) return undefined;
  return {
    ...(row !== undefined && { item: row.id }),
    ...(customer !== undefined && { customer }),
    ...(reference !== undefined && { reference }),
    ...(after !== undefined && { after: orderNumber(after) }),
    before: orderNumber(Math.min(before ?? market.nextOrder, market.nextOrder)),
    limit,
  };
}
