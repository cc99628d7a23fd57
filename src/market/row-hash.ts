/**
 * The hashes of rows and of bodies, over their canonical encodings. The state hash is the sum of the first three kinds
 * modulo 2^128, so whoever has the rows, a replica or a reader of its database file, can recompute it.
 */
import { ByteWriter } from "../base/bytes.ts";
import type { Hash128 } from "../base/hash128.ts";
import type { IdentifiedCommand } from "./command.ts";
import { writeBody } from "./command-codec.ts";
import type { MarketDefinition } from "./definition.ts";
import { writeDefinition } from "./definition-codec.ts";
import { writeAnswer } from "./reply-codec.ts";
import type { Answer, ItemRow, OrderRow } from "./rows.ts";
import { writeItem, writeOrder } from "./value-codec.ts";

/** Reused by every hash: nothing of it outlives a call. The first byte keeps rows of different tables apart. */
const scratch = new ByteWriter(4_096);

export function itemHash(row: ItemRow): Hash128 {
  scratch.reset();
  scratch.u8(1);
  writeItem(scratch, row);
  return scratch.hash();
}

export function orderHash(row: OrderRow): Hash128 {
  scratch.reset();
  scratch.u8(2);
  writeOrder(scratch, row);
  return scratch.hash();
}

export function answerHash(answer: Answer): Hash128 {
  scratch.reset();
  scratch.u8(3);
  writeAnswer(scratch, answer);
  return scratch.hash();
}

/** What a request asks for, whoever asks: the hash of the command without its id. */
export function bodyHash(command: IdentifiedCommand): Hash128 {
  scratch.reset();
  writeBody(scratch, command);
  return scratch.hash();
}

/** Names a market: two replicas, or two starts, with equal hashes were given the same definition. */
export function definitionHash(definition: MarketDefinition): Hash128 {
  scratch.reset();
  writeDefinition(scratch, definition);
  return scratch.hash();
}
