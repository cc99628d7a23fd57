/**
 * Pages of a size that a frame and a front-end can bear, however large the rows are; and nothing that is not of the
 * replica's state.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "../base/bytes.ts";
import { requestLimits } from "../base/limits.ts";
import { itemId, logIndex, orderNumber, position, sessionId, term } from "../base/units.ts";
import { apply } from "../market/apply.ts";
import { readItem, readOrder } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import { emptyMarket } from "../market/market.ts";
import { openMemoryStore } from "../store/memory.ts";
import type { Answered, Freshness, Inquiry } from "../wire/service.ts";
import { Applied } from "./applied.ts";
import { answerQuestions, type InquiriesHost } from "./inquiries.ts";

const pageBytesMax = 1024 * 1024;
const orders = 60;
const items = 3_000;

/** The largest name there is, four bytes a character. */
function largeName(n: number): string {
  const number = String(n);
  return number + "\u{1f41f}".repeat(requestLimits.nameCodePoints - number.length);
}

/** A market of many items with large names, and orders of the most lines there can be. */
function largeMarket(): InquiriesHost {
  const market = emptyMarket();
  const store = openMemoryStore();
  let index = 0;
  const run = (...commands: Command[]): void => {
    const { rows } = apply(market, { at: 0, commands }, () => undefined);
    store.append(logIndex(++index), term(1), rows);
  };
  run({
    kind: "found",
    definition: {
      name: "large",
      resource: "fish",
      currency: "USD",
      sides: ["buy"],
      items: Array.from({ length: items }, (_, n) => ({
        name: largeName(n),
        priceMinor: 1,
        quantity: orders,
      })),
    },
  });
  run({ kind: "open-session" });
  const session = sessionId(market.position);
  const lines = Array.from({ length: requestLimits.linesPerOrder }, (_, n) => ({
    item: { kind: "id", id: itemId(n + 1) } as const,
    quantity: 1,
  }));
  for (let sequence = 1; sequence <= orders; sequence++) {
    const id = { kind: "session", session, sequence } as const;
    run({ kind: "place", id, side: "buy", shape: "lines", lines });
  }
  const applied = new Applied(logIndex(index), market.position);
  return { market, store, applied, readPoint: () => Promise.resolve() };
}

type Page = Extract<Answered, { kind: "rows" }>;

function askAt(host: InquiriesHost, freshness: Freshness, inquiry: Inquiry): Promise<Answered> {
  const { promise, resolve } = Promise.withResolvers<Answered>();
  answerQuestions(host, { answer: resolve }, [{ ticket: 1, freshness, inquiry }]);
  return promise;
}

async function ask(host: InquiriesHost, inquiry: Inquiry): Promise<Page> {
  const answered = await askAt(host, { kind: "stale" }, inquiry);
  assert.ok(answered.kind === "rows");
  return answered;
}

function rowsOf<Row>({ rows }: Page, read: (reader: ByteReader) => Row): Row[] {
  const reader = new ByteReader(rows);
  const found = Array.from({ length: reader.varint() }, () => read(reader));
  reader.end();
  return found;
}

test("a page of large orders ends at its size, says that there are more, and the next ones bring them", async () => {
  const host = largeMarket();
  const numbers: number[] = [];
  let pages = 0;
  for (let more = true; more; pages++) {
    const before = numbers.at(-1);
    const inquiry = { kind: "orders", limit: 1_001, ...(before !== undefined && { before }) } as const;
    const page = await ask(host, inquiry);
    const found = rowsOf(page, readOrder);
    const largest = page.rows.length / found.length;
    assert.ok(page.rows.length < pageBytesMax + largest * 2, `${page.rows.length} bytes`);
    numbers.push(...found.map(({ number }) => number));
    more = page.more;
  }
  assert.deepEqual(
    numbers,
    Array.from({ length: orders }, (_, n) => orders - 1 - n),
  );
  assert.ok(pages > 2, `${pages} pages`);
});

test("a page of large items ends at its size too, and a small one is whole", async () => {
  const host = largeMarket();
  const large = await ask(host, { kind: "items", after: 0, limit: items });
  const found = rowsOf(large, readItem);
  assert.ok(large.more && found.length > 1_000 && found.length < items, `${found.length} items`);
  const rest = await ask(host, { kind: "items", after: found.length, limit: items });
  assert.equal(rowsOf(rest, readItem)[0]?.id, found.length + 1);
  const small = await ask(host, { kind: "items", after: 0, limit: 1_000 });
  assert.deepEqual([small.more, rowsOf(small, readItem).length], [false, 1_000]);
});

test("orders that the store has beyond the state, as while it is being copied, are shown to nobody", async () => {
  const host = largeMarket();
  const known = 7;
  const behind = { ...host, market: { ...host.market, nextOrder: orderNumber(known) } };
  const numbersOf = (page: Page): number[] => rowsOf(page, readOrder).map(({ number }) => number);
  assert.deepEqual(numbersOf(await ask(behind, { kind: "order", number: known - 1 })), [known - 1]);
  assert.deepEqual(numbersOf(await ask(behind, { kind: "order", number: known })), []);
  const all = [6, 5, 4, 3, 2, 1, 0];
  const lists: readonly (readonly [
    Omit<Extract<Inquiry, { kind: "orders" }>, "kind" | "limit">,
    number[],
  ])[] = [
    [{}, all],
    [{ before: orders }, all],
    [{ before: known - 1 }, all.slice(1)],
    [{ after: 3 }, all.slice(0, 3)],
    [{ after: known }, []],
    [{ item: largeName(1) }, all],
  ];
  for (const [filter, numbers] of lists) {
    assert.deepEqual(numbersOf(await ask(behind, { kind: "orders", ...filter, limit: 8 })), numbers);
  }
});

test("where there is no market yet every question is refused, so that another replica is asked", async () => {
  const applied = new Applied(logIndex(0), position(0));
  const market = emptyMarket();
  const host = { market, store: openMemoryStore(), applied, readPoint: () => Promise.resolve() };
  const inquiries: readonly Inquiry[] = [
    { kind: "item", item: "FishCo" },
    { kind: "items", after: 0, limit: 1 },
    { kind: "order", number: 0 },
    { kind: "orders", limit: 1 },
    { kind: "position" },
  ];
  const least: Freshness = { kind: "at-least", position: position(0) };
  for (const freshness of [{ kind: "stale" }, { kind: "latest" }, least] as const) {
    for (const inquiry of inquiries) {
      const refused = { kind: "failed", ticket: 1, code: "unavailable" };
      assert.deepEqual(await askAt(host, freshness, inquiry), refused);
    }
  }
});
