/**
 * Answers front-ends' questions from this replica's state: items from memory, orders from the store. A question is
 * answered at a state that is fresh enough for it, never at one that is not committed.
 */
import { unreachable } from "../base/assert.ts";
import { ByteWriter } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { itemId, orderNumber } from "../base/units.ts";
import { writeItem, writeOrder } from "../market/codec.ts";
import { findItem, listItems, type Market } from "../market/market.ts";
import type { OrderFilter, Store } from "../store/port.ts";
import type { Answered, Inquiry, Question } from "../wire/service.ts";
import type { Applied } from "./applied.ts";
import type { FrontendLink } from "./frontend-link.ts";

/** Where answers go. */
type Asker = Pick<FrontendLink, "answer">;

export interface InquiriesHost {
  readonly market: Market;
  readonly store: Store;
  readonly applied: Applied;
  /** Resolves when this replica has applied all that anyone was told before the call; rejects if it cannot know. */
  readPoint(): Promise<void>;
}

/** A page ends behind the row that reaches it; the rest of what was found is another question's. */
const pageBytes = 1024 * 1024;

type Found = Pick<Extract<Answered, { kind: "rows" }>, "rows" | "more">;
type Write<T> = (writer: ByteWriter, row: T) => void;

const writer = new ByteWriter(4_096);

/** The rows, each written by `write`, after their count: as many as a page holds. */
function encodeRows<T>(rows: readonly T[], write: Write<T>): Found {
  writer.reset();
  let count = 0;
  for (const row of rows) {
    if (writer.length >= pageBytes) break;
    write(writer, row);
    count++;
  }
  const written = writer.peek();
  const page = new ByteWriter(written.length + 8);
  page.varint(count);
  page.raw(written);
  return { rows: page.finish(), more: count < rows.length };
}

const noRows = encodeRows([], writeItem);

/** One frame of questions. Those that want the latest state share one read point. */
export function answerQuestions(host: InquiriesHost, link: Asker, questions: readonly Question[]): void {
  const latest: Question[] = [];
  for (const question of questions) {
    switch (question.freshness.kind) {
      case "stale":
        answer(host, link, question);
        break;
      case "at-least":
        host.applied
          .whenPosition(question.freshness.position)
          .then(() => answer(host, link, question), refusal(link, [question]));
        break;
      case "latest":
        latest.push(question);
        break;
      default:
        unreachable(question.freshness);
    }
  }
  if (latest.length === 0) return;
  host.readPoint().then(
    () => {
      for (const question of latest) answer(host, link, question);
    },
    refusal(link, latest),
  );
}

/** What tells the front-end of an operating failure. Anything else is a broken invariant, which must end the process. */
function refusal(link: Asker, questions: readonly Question[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof OperatingFailure)) throw error;
    for (const { ticket } of questions) link.answer({ kind: "failed", ticket, code: error.code });
  };
}

function answer(host: InquiriesHost, link: Asker, question: Question): void {
  const { position } = host.market;
  const tell = ({ rows, more }: Found): void => {
    const answered: Answered = { kind: "rows", ticket: question.ticket, position, more, rows };
    link.answer(answered);
  };
  const found = find(host, question.inquiry);
  if (found instanceof Promise) found.then(tell, refusal(link, [question]));
  else tell(found);
}

function find({ market, store }: InquiriesHost, inquiry: Inquiry): Found | Promise<Found> {
  switch (inquiry.kind) {
    case "item": {
      const { item } = inquiry;
      const row = findItem(
        market,
        typeof item === "string" ? { kind: "name", name: item } : { kind: "id", id: itemId(item) },
      );
      return row === undefined ? noRows : encodeRows([row], writeItem);
    }
    case "items": {
      const { topic, after, limit } = inquiry;
      const filter = { ...(topic !== undefined && { topic }), after: itemId(after), limit };
      return encodeRows(listItems(market, filter), writeItem);
    }
    case "order":
      return store
        .order(orderNumber(inquiry.number))
        .then((row) => (row === undefined ? noRows : encodeRows([row], writeOrder)));
    case "orders": {
      const filter = orderFilter(market, inquiry);
      if (filter === undefined) return noRows;
      return store.orders(filter).then((rows) => encodeRows(rows, writeOrder));
    }
    default:
      return unreachable(inquiry);
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
    ...(before !== undefined && { before: orderNumber(before) }),
    limit,
  };
}
