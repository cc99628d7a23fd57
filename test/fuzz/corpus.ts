/** Well-formed bytes of every format, to be changed: of a small market in which all has happened that leaves a row. */
import { ByteWriter } from "../../src/base/bytes.ts";
import type { FailureCode } from "../../src/base/failure.ts";
import { itemId, logIndex, orderNumber, position, replicaId, term } from "../../src/base/units.ts";
import {
  encodeBatch,
  encodeCommand,
  encodeReply,
  encodeState,
  writeAnswer,
  writeItem,
  writeOrder,
} from "../../src/market/codec.ts";
import type { Command } from "../../src/market/command.ts";
import {
  acknowledgement,
  at,
  goods,
  inSession,
  named,
  openShop,
  order,
  type Shop,
  tick,
  underKey,
} from "../../src/market/fixture.test-support.ts";
import { marketState } from "../../src/market/market.ts";
import { copyFrames } from "../../src/wire/copy.ts";
import { writeChange, writeFeedItems } from "../../src/wire/feed.ts";
import { writeHello } from "../../src/wire/hello.ts";
import {
  writeAcknowledgement,
  writeInvalidation,
  writeLeaseGrant,
  writeLeaseRequest,
  writeSession,
} from "../../src/wire/lease.ts";
import {
  serviceFrames,
  writeAnswers,
  writeLeadership,
  writeQuestions,
  writeResults,
  writeSubmissions,
} from "../../src/wire/service.ts";

export function bytesOf(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(256);
  write(writer);
  return writer.finish();
}

/** A frame as it is handed to whoever decodes it: its kind, then its body. */
function frame(kind: number, write: (writer: ByteWriter) => void): Uint8Array {
  return bytesOf((writer) => {
    writer.u8(kind);
    write(writer);
  });
}

const commands: readonly Command[] = [
  order(inSession(0), "buy", named("Lamp", 2)),
  { ...order(underKey(1), "sell", named("Rope", 40, 100)), reference: "r-1", customer: "größer" },
  order(inSession(1), "buy", named("Lamp", 1, 500), { item: { kind: "id", id: itemId(2) }, quantity: 3 }),
  order(inSession(2), "buy", named("Unknown", 1)),
  order(underKey(2), "buy", named("Lamp", 40)),
  {
    kind: "add-item",
    id: inSession(3),
    item: { name: "New", title: "Brand", topic: "t", priceMinor: 7, quantity: 9 },
  },
  { kind: "add-item", id: underKey(3), item: { name: "lamp", priceMinor: 1, quantity: 1 } },
  acknowledgement(4, [1, 3]),
  { kind: "open-session" },
  tick,
  tick,
  tick,
];

export interface History {
  readonly shop: Shop;
  readonly batches: readonly Uint8Array[];
  readonly commands: readonly Uint8Array[];
  readonly replies: readonly Uint8Array[];
}

/** The market after all of these, and what went in and came out. */
export function history(): History {
  const shop = openShop();
  const encoded = commands.map(encodeCommand);
  const replies = commands.map((command) => encodeReply(shop.one(command)));
  replies.push(...commands.slice(0, 2).map((command) => encodeReply(shop.one(command))));
  const batches = [
    encodeBatch(at, [encodeCommand({ kind: "found", definition: goods })]),
    encodeBatch(at, encoded),
    encodeBatch(at, encoded.slice(0, 2)),
    encodeBatch(0, []),
  ];
  return { shop, batches, commands: encoded, replies };
}

function counted(rows: readonly ((writer: ByteWriter) => void)[]): Uint8Array {
  return bytesOf((writer) => {
    writer.varint(rows.length);
    for (const row of rows) row(writer);
  });
}

export interface RowBytes {
  readonly items: Uint8Array;
  readonly orders: Uint8Array;
  readonly answers: Uint8Array;
  readonly state: Uint8Array;
}

export function rowsOf(shop: Shop): RowBytes {
  const state = marketState(shop.market);
  return {
    items: counted(state.items.map((row) => (writer) => writeItem(writer, row))),
    orders: counted(shop.orders.map((row) => (writer) => writeOrder(writer, row))),
    answers: counted(shop.keyAnswers.map((row) => (writer) => writeAnswer(writer, row))),
    state: Buffer.concat([...encodeState(state, 100_000)]),
  };
}

export function hellos(cluster: string): Uint8Array[] {
  const common = { cluster, id: 1, incarnation: 3 };
  return (["order", "frontend", "catalog", "copier"] as const).map((role) =>
    bytesOf((writer) => writeHello(writer, { ...common, role, name: `${role}-1` })),
  );
}

/** What front-ends and catalogs say to a replica. */
export function requestFrames({ commands: encoded }: Pick<History, "commands">): Uint8Array[] {
  const page = {
    kind: "orders",
    item: "Lamp",
    customer: "c",
    reference: "r",
    after: 1,
    before: 9,
    limit: 10,
  } as const;
  const questions = [
    { kind: "position" },
    { kind: "item", item: "Lamp" },
    { kind: "item", item: 2 },
    { kind: "items", topic: "Home", q: "a", after: 0, limit: 100 },
    { kind: "order", number: 1 },
    page,
  ] as const;
  const ask = questions.map((inquiry, ticket) => ({
    ticket,
    freshness: { kind: "latest" } as const,
    inquiry,
  }));
  const least = { kind: "at-least", position: position(3) } as const;
  return [
    frame(serviceFrames.submit, (body) =>
      writeSubmissions(
        body,
        encoded.map((command, ticket) => ({ ticket, command })),
      ),
    ),
    frame(serviceFrames.ask, (body) => writeQuestions(body, ask)),
    frame(serviceFrames.ask, (body) =>
      writeQuestions(
        body,
        ask.map((one) => ({ ...one, freshness: least })),
      ),
    ),
    frame(serviceFrames.leaseRequest, (body) => writeLeaseRequest(body, { request: 1, session: 0 })),
    frame(serviceFrames.acknowledgement, (body) =>
      writeAcknowledgement(body, { session: 1, index: logIndex(9) }),
    ),
    frame(serviceFrames.leaseEnd, (body) => writeSession(body, { session: 1 })),
    frame(serviceFrames.follow, () => {}),
    frame(copyFrames.begin, (body) => body.varint(1)),
    frame(copyFrames.more, () => {}),
    frame(copyFrames.orders, (body) => body.varint(orderNumber(0))),
    frame(copyFrames.answers, (body) => body.varint(position(0))),
  ];
}

/** What replicas and catalogs answer. */
export function replyFrames({ replies, shop }: Pick<History, "replies" | "shop">): Uint8Array[] {
  const { items, orders, state } = rowsOf(shop);
  const failed: FailureCode = "unavailable";
  const index = logIndex(7);
  const here = position(12);
  const grant = { request: 4, term: term(2), session: 3, remainingMs: 212.5, start: here };
  return [
    frame(serviceFrames.leadership, (body) =>
      writeLeadership(body, { term: term(4), leader: replicaId(3), leading: true }),
    ),
    frame(serviceFrames.results, (body) =>
      writeResults(body, [
        ...replies.map((reply, ticket) => ({ kind: "reply", ticket, reply }) as const),
        { kind: "failed", ticket: 99, code: failed },
      ]),
    ),
    frame(serviceFrames.answers, (body) =>
      writeAnswers(body, [
        { kind: "rows", ticket: 1, position: here, more: false, rows: items },
        { kind: "rows", ticket: 2, position: here, more: true, rows: orders },
        { kind: "failed", ticket: 3, code: failed },
      ]),
    ),
    frame(serviceFrames.leaseGrant, (body) => writeLeaseGrant(body, grant)),
    frame(serviceFrames.leaseRecall, (body) => writeSession(body, { session: 3 })),
    frame(serviceFrames.invalidation, (body) =>
      writeInvalidation(body, {
        index,
        position: here,
        touched: { kind: "items", items: [itemId(1), itemId(3)] },
      }),
    ),
    frame(serviceFrames.feedItems, (body) =>
      writeFeedItems(body, { index, position: here, last: true, rows: items }),
    ),
    frame(serviceFrames.change, (body) => writeChange(body, { index, position: here, rows: items })),
    frame(copyFrames.state, (body) => {
      body.varint(7);
      body.varint(2);
      body.u8(0);
      body.bytes(state);
    }),
    frame(copyFrames.rows, (body) => body.bytes(orders)),
    frame(copyFrames.refused, (body) => body.string(failed)),
  ];
}
