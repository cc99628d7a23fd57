/**
 * Whoever decodes a peer's bytes, or a file's, either understands them or throws `DecodeError`: never another error, never
 * a loop or a buffer as long as a number that was read says. What it understood must be fit for use: a state can be
 * restored, an entry applied.
 */
import fc from "fast-check";
import { ByteReader, DecodeError } from "../../src/base/bytes.ts";
import { orderNumber, position, replicaId } from "../../src/base/units.ts";
import { readMessage } from "../../src/log/embedded/message-codec.ts";
import {
  decodeBatch,
  decodeCommand,
  decodeReply,
  encodeState,
  readAnswer,
  readItem,
  readOrder,
  readState,
} from "../../src/market/codec.ts";
import { openShop, Shop } from "../../src/market/fixture.test-support.ts";
import { counters, restoreMarket } from "../../src/market/market.ts";
import { checkAnswers, checkOrders } from "../../src/order/copied-rows.ts";
import { readCopyAnswer, readCopyRequest } from "../../src/wire/copy.ts";
import { readChange, readFeedItems } from "../../src/wire/feed.ts";
import { readHello } from "../../src/wire/hello.ts";
import {
  readAcknowledgement,
  readInvalidation,
  readLeaseGrant,
  readLeaseRequest,
  readSession,
} from "../../src/wire/lease.ts";
import {
  readAnswers,
  readLeadership,
  readQuestions,
  readResults,
  readSubmissions,
  serviceFrames,
} from "../../src/wire/service.ts";
import { type CaseTarget, timed } from "./case-target.ts";
import { bytesOf, hellos, history, replyFrames, requestFrames, rowsOf } from "./corpus.ts";
import { mutated } from "./mutations.ts";

const cluster = "a-cluster";

/** Read these bytes; only `DecodeError` says that they cannot be. */
function refusing(read: (reader: ByteReader) => void, took: () => void): (bytes: Uint8Array) => void {
  return (bytes) =>
    timed(() => {
      try {
        read(new ByteReader(bytes));
        took();
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    });
}

function decoder(
  name: string,
  count: number,
  given: () => fc.Arbitrary<Uint8Array>,
  read: (reader: ByteReader) => void,
): CaseTarget {
  return { name, unit: "frames", count, property: (took) => fc.property(given(), refusing(read, took)) };
}

/** As the ends of a connection read it. Reads also what travels inside, opaque to the wire. */
export function readFrame(kind: number, body: ByteReader): void {
  const rows = (bytes: Uint8Array, read: (reader: ByteReader) => unknown): void => {
    const reader = new ByteReader(bytes);
    for (let left = reader.varint(); left > 0; left--) read(reader);
    reader.end();
  };
  switch (kind) {
    case serviceFrames.submit:
      for (const { command } of readSubmissions(body)) decodeCommand(command);
      return;
    case serviceFrames.ask:
      readQuestions(body);
      return;
    case serviceFrames.leadership:
      readLeadership(body);
      return;
    case serviceFrames.results:
      for (const result of readResults(body)) if (result.kind === "reply") decodeReply(result.reply);
      return;
    case serviceFrames.answers:
      readAnswers(body);
      return;
    case serviceFrames.leaseRequest:
      readLeaseRequest(body);
      return;
    case serviceFrames.leaseGrant:
      readLeaseGrant(body);
      return;
    case serviceFrames.leaseRecall:
    case serviceFrames.leaseEnd:
      readSession(body);
      return;
    case serviceFrames.invalidation:
      readInvalidation(body);
      return;
    case serviceFrames.acknowledgement:
      readAcknowledgement(body);
      return;
    case serviceFrames.feedItems:
      rows(readFeedItems(body).rows, readItem);
      return;
    case serviceFrames.change:
      rows(readChange(body).rows, readItem);
      return;
    default:
      readCopyRequest(kind, body);
  }
}

/** Fields as messages of Raft have them, in any number and order: a codec that gains one is still met. */
const fields = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.nat(3) },
      { weight: 3, arbitrary: fc.nat(300) },
      { weight: 1, arbitrary: fc.maxSafeNat() },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
    ),
    { maxLength: 14 },
  )
  .map((values) =>
    bytesOf((writer) => {
      for (const value of values) {
        if (typeof value === "number") writer.varint(value);
        else writer.bytes(value);
      }
    }),
  );

const message = fc.tuple(fc.integer({ min: 30, max: 48 }), fields).map(([kind, body]) => {
  return Uint8Array.of(kind, ...body);
});

/** Throws `DecodeError` for what no peer says. */
export function readRaftFrame(kind: number, body: ByteReader): void {
  readMessage(kind, body, { id: replicaId(2), incarnation: 1 }, replicaId(3));
}

function applied(reader: ByteReader): void {
  const { commands } = decodeBatch(reader.raw(reader.remaining));
  // A market is founded once: by whom, is not for the bytes to say.
  openShop().run(commands.filter(({ kind }) => kind !== "found"));
}

function restored(reader: ByteReader): void {
  const state = readState(reader);
  reader.end();
  const shop = new Shop(restoreMarket(state));
  Array.from(encodeState(state, 1_000));
  shop.run([{ kind: "tick" }]);
}

function anyOf(reader: ByteReader): void {
  const kind = reader.u8() % 3;
  if (kind === 0) readItem(reader);
  else if (kind === 1) readOrder(reader);
  else readAnswer(reader);
}

export function decoderTargets(): CaseTarget[] {
  const past = history();
  const now = counters(past.shop.market);
  const rows = rowsOf(past.shop);
  const tagged = [rows.items, rows.orders, rows.answers].map((bytes, i) =>
    Uint8Array.of(i, ...bytes.subarray(1)),
  );
  const commands = (): fc.Arbitrary<Uint8Array> => mutated(past.commands);
  return [
    decoder(
      "wire/hello",
      40_000,
      () => mutated(hellos(cluster)),
      (reader) => void readHello(reader, cluster),
    ),
    decoder(
      "wire/frames",
      160_000,
      () => mutated([...requestFrames(past), ...replyFrames(past)]),
      (reader) => readFrame(reader.u8(), reader),
    ),
    decoder(
      "wire/copy-answers",
      40_000,
      () => mutated(replyFrames(past)),
      (reader) => void readCopyAnswer(reader.u8(), reader),
    ),
    decoder(
      "log/messages",
      160_000,
      () => fc.oneof(message, mutated([Uint8Array.of(34, 5, 9, 4, 8, 0, 1, 1)])),
      (reader) => readRaftFrame(reader.u8(), reader),
    ),
    decoder(
      "market/commands",
      60_000,
      commands,
      (reader) => void decodeCommand(reader.raw(reader.remaining)),
    ),
    decoder("market/entries", 100_000, () => mutated(past.batches), applied),
    decoder(
      "market/replies",
      80_000,
      () => mutated(past.replies),
      (reader) => {
        decodeReply(reader.raw(reader.remaining));
      },
    ),
    decoder("market/rows", 60_000, () => mutated(tagged), anyOf),
    decoder("market/states", 60_000, () => mutated([rows.state]), restored),
    decoder(
      "order/copied-orders",
      40_000,
      () => mutated([rows.orders, rows.answers]),
      (reader) => {
        checkOrders(reader.raw(reader.remaining), orderNumber(0), now);
      },
    ),
    decoder(
      "order/copied-answers",
      40_000,
      () => mutated([rows.answers, rows.orders]),
      (reader) => {
        checkAnswers(reader.raw(reader.remaining), position(0), now);
      },
    ),
  ];
}
