/**
 * The bytes of replies and of remembered answers: one file, because an answer may hold a reply and a replayed reply
 * holds an answer. (An answer's own reply is never a replayed one, so nothing nests deeper.)
 */

import { unreachable } from "../base/assert.ts";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { requestLimits } from "../base/limits.ts";
import type { Position } from "../base/units.ts";
import { itemId, orderNumber, position, sessionId, ticks } from "../base/units.ts";
import type { Refusal, Reply } from "./reply.ts";
import type { Answer, Outcome } from "./rows.ts";
import {
  readHash,
  readItem,
  readOrder,
  readRequestId,
  readText,
  readWithin,
  writeHash,
  writeItem,
  writeOrder,
  writeRequestId,
} from "./value-codec.ts";

/** Reused by every `encodeReply`. */
const scratch = new ByteWriter(4_096);

const refusalCodes = {
  "item-not-found": 1,
  "insufficient-stock": 2,
  "max-quantity-exceeded": 3,
  "price-changed": 4,
  "side-not-allowed": 5,
  "out-of-range": 6,
  "name-taken": 7,
} as const satisfies Record<Refusal["reason"], number>;

function writeRefusal(writer: ByteWriter, refusal: Refusal): void {
  writer.u8(refusalCodes[refusal.reason]);
  switch (refusal.reason) {
    case "item-not-found":
      writer.varint(refusal.line);
      writer.string(refusal.item);
      return;
    case "insufficient-stock":
    case "max-quantity-exceeded":
      writer.varint(refusal.line);
      writer.varint(refusal.id);
      writer.string(refusal.name);
      writer.varint(refusal.requested);
      writer.varint(refusal.available);
      return;
    case "price-changed":
      writer.varint(refusal.line);
      writer.varint(refusal.id);
      writer.string(refusal.name);
      writer.varint(refusal.priceMinor);
      writer.varint(refusal.limitMinor);
      return;
    case "side-not-allowed":
      writer.u8(refusal.side === "sell" ? 1 : 0);
      return;
    case "out-of-range":
      writer.string(refusal.what);
      return;
    case "name-taken":
      writer.string(refusal.name);
      return;
    default:
      unreachable(refusal);
  }
}

function readItemOfLine(reader: ByteReader) {
  return {
    line: readWithin(reader, 0, requestLimits.linesPerOrder - 1, "a line"),
    id: itemId(readWithin(reader, 1, requestLimits.itemsMax, "an item id")),
    name: readText(reader, "an item's name"),
  };
}

function readRefusal(reader: ByteReader): Refusal {
  const code = reader.u8();
  switch (code) {
    case refusalCodes["item-not-found"]: {
      const line = readWithin(reader, 0, requestLimits.linesPerOrder - 1, "a line");
      return { reason: "item-not-found", line, item: readText(reader, "an item") };
    }
    case refusalCodes["insufficient-stock"]:
    case refusalCodes["max-quantity-exceeded"]: {
      const reason =
        code === refusalCodes["insufficient-stock"] ? "insufficient-stock" : "max-quantity-exceeded";
      const item = readItemOfLine(reader);
      return { reason, ...item, requested: reader.varint(), available: reader.varint() };
    }
    case refusalCodes["price-changed"]: {
      const item = readItemOfLine(reader);
      return { reason: "price-changed", ...item, priceMinor: reader.varint(), limitMinor: reader.varint() };
    }
    case refusalCodes["side-not-allowed"]:
      return { reason: "side-not-allowed", side: readSide(reader) };
    case refusalCodes["out-of-range"]:
      return { reason: "out-of-range", what: readText(reader, "a word") };
    case refusalCodes["name-taken"]:
      return { reason: "name-taken", name: readText(reader, "an item's name") };
    default:
      throw new DecodeError(`a refusal of unknown kind ${code}`);
  }
}

function readSide(reader: ByteReader): "buy" | "sell" {
  return readWithin(reader, 0, 1, "a side") === 1 ? "sell" : "buy";
}

const replyCodes = {
  placed: 1,
  "item-added": 2,
  refused: 3,
  replayed: 4,
  "key-reused": 5,
  "too-old": 6,
  "session-opened": 7,
  done: 8,
} as const satisfies Record<Reply["kind"], number>;

function writeReply(writer: ByteWriter, reply: Reply): void {
  writer.u8(replyCodes[reply.kind]);
  writer.varint(reply.position);
  switch (reply.kind) {
    case "placed":
      writeOrder(writer, reply.order);
      return;
    case "item-added":
      writeItem(writer, reply.item);
      return;
    case "refused":
      writeRefusal(writer, reply.refusal);
      return;
    case "replayed":
      writeAnswer(writer, reply.answer);
      return;
    case "session-opened":
      writer.varint(reply.session);
      return;
    case "key-reused":
    case "too-old":
    case "done":
      return;
    default:
      unreachable(reply);
  }
}

function readReply(reader: ByteReader): Reply {
  const code = reader.u8();
  const at = position(reader.varint());
  switch (code) {
    case replyCodes.placed:
      return { kind: "placed", position: at, order: readOrder(reader) };
    case replyCodes["item-added"]:
    case replyCodes.refused:
      return readRemembered(reader, code, at);
    case replyCodes.replayed:
      return { kind: "replayed", position: at, answer: readAnswer(reader) };
    case replyCodes["key-reused"]:
      return { kind: "key-reused", position: at };
    case replyCodes["too-old"]:
      return { kind: "too-old", position: at };
    case replyCodes["session-opened"]:
      return { kind: "session-opened", position: at, session: sessionId(reader.varint()) };
    case replyCodes.done:
      return { kind: "done", position: at };
    default:
      throw new DecodeError(`a reply of unknown kind ${code}`);
  }
}

/** The replies that an answer keeps. Reading no other kind here is what ends the nesting. */
function readRemembered(
  reader: ByteReader,
  code: number,
  at: Position,
): Extract<Reply, { kind: "refused" | "item-added" }> {
  if (code === replyCodes.refused) return { kind: "refused", position: at, refusal: readRefusal(reader) };
  if (code === replyCodes["item-added"]) return { kind: "item-added", position: at, item: readItem(reader) };
  throw new DecodeError(`an answer cannot hold a reply of kind ${code}`);
}

export function writeAnswer(writer: ByteWriter, answer: Answer): void {
  writeRequestId(writer, answer.id);
  writeHash(writer, answer.body);
  writer.varint(answer.tick);
  writer.varint(answer.position);
  const { outcome } = answer;
  if (outcome.kind === "order") {
    writer.u8(0);
    writer.varint(outcome.number);
  } else {
    writeReply(writer, outcome.reply);
  }
}

export function readAnswer(reader: ByteReader): Answer {
  return {
    id: readRequestId(reader),
    body: readHash(reader),
    tick: ticks(reader.varint()),
    position: position(reader.varint()),
    outcome: readOutcome(reader),
  };
}

function readOutcome(reader: ByteReader): Outcome {
  // 0 is no reply's code: an order is told from a reply by its first byte.
  const code = reader.u8();
  if (code === 0) return { kind: "order", number: orderNumber(reader.varint()) };
  return { kind: "reply", reply: readRemembered(reader, code, position(reader.varint())) };
}

export function encodeReply(reply: Reply): Uint8Array {
  scratch.reset();
  writeReply(scratch, reply);
  return scratch.copy();
}

/** Throws `DecodeError` for anything but one whole reply. */
export function decodeReply(bytes: Uint8Array): Reply {
  const reader = new ByteReader(bytes);
  const reply = readReply(reader);
  reader.end();
  return reply;
}
