/**
 * The bytes of commands and of log entries. A front-end encodes each of its commands once; the leader joins them to
 * an entry without looking inside, so a command delimits itself.
 *
 * A command with a request id ends in it: what comes before is the *body*, whose hash tells two requests apart that
 * came under one id.
 */

import { unreachable } from "../base/assert.ts";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { requestLimits } from "../base/limits.ts";
import { itemId, sessionId } from "../base/units.ts";
import type {
  AcknowledgeCommand,
  Batch,
  Command,
  IdentifiedCommand,
  LineRequest,
  PlaceCommand,
} from "./command.ts";
import {
  readDefinition,
  readItemDefinition,
  writeDefinition,
  writeItemDefinition,
} from "./definition-codec.ts";
import type { Building } from "./value-codec.ts";
import { readFlags, readRequestId, readText, readWithin, writeRequestId } from "./value-codec.ts";

/** The first byte of every entry. Another number is another format, which this program does not know. */
const batchVersion = 1;

/** The most sequences that an acknowledgement may leave open. */
export const openSequencesMax = 65_536;

/** Reused by every `encodeCommand` and `encodeBatch`. */
const scratch = new ByteWriter(4_096);

const codes = {
  place: 1,
  "add-item": 2,
  found: 3,
  "open-session": 4,
  acknowledge: 5,
  tick: 6,
} as const satisfies Record<Command["kind"], number>;

const isSell = 1;
const hasLines = 2;
const withReference = 4;
const withCustomer = 8;

const byId = 1;
const withLimit = 2;

function writePlaceBody(writer: ByteWriter, command: PlaceCommand): void {
  writer.u8(codes.place);
  writer.u8(
    (command.side === "sell" ? isSell : 0) |
      (command.shape === "lines" ? hasLines : 0) |
      (command.reference === undefined ? 0 : withReference) |
      (command.customer === undefined ? 0 : withCustomer),
  );
  writer.varint(command.lines.length);
  for (const line of command.lines) {
    const { item, limitMinor } = line;
    writer.u8((item.kind === "id" ? byId : 0) | (limitMinor === undefined ? 0 : withLimit));
    if (item.kind === "id") writer.varint(item.id);
    else writer.string(item.name);
    writer.varint(line.quantity);
    if (limitMinor !== undefined) writer.varint(limitMinor);
  }
  if (command.reference !== undefined) writer.string(command.reference);
  if (command.customer !== undefined) writer.string(command.customer);
}

/** The part of an identified command that its body hash is made over: everything but the id. */
export function writeBody(writer: ByteWriter, command: IdentifiedCommand): void {
  if (command.kind === "place") {
    writePlaceBody(writer, command);
  } else {
    writer.u8(codes["add-item"]);
    writeItemDefinition(writer, command.item);
  }
}

export function writeCommand(writer: ByteWriter, command: Command): void {
  switch (command.kind) {
    case "place":
    case "add-item":
      writeBody(writer, command);
      writeRequestId(writer, command.id);
      return;
    case "found":
      writer.u8(codes.found);
      writeDefinition(writer, command.definition);
      return;
    case "acknowledge":
      writer.u8(codes.acknowledge);
      writer.varint(command.session);
      writer.varint(command.below);
      writer.varint(command.open.length);
      for (const sequence of command.open) writer.varint(sequence);
      return;
    case "open-session":
    case "tick":
      writer.u8(codes[command.kind]);
      return;
    default:
      unreachable(command);
  }
}

function readLine(reader: ByteReader): LineRequest {
  const flags = readFlags(reader, byId | withLimit, "a line");
  const item: LineRequest["item"] =
    flags & byId
      ? { kind: "id", id: itemId(reader.varint()) }
      : { kind: "name", name: readText(reader, "an item's name") };
  const quantity = readWithin(reader, requestLimits.quantityMin, requestLimits.quantityMax, "a quantity");
  return flags & withLimit ? { item, quantity, limitMinor: reader.varint() } : { item, quantity };
}

function readPlace(reader: ByteReader): PlaceCommand {
  const flags = readFlags(reader, 15, "an order");
  const count = readWithin(reader, 1, requestLimits.linesPerOrder, "a number of lines");
  if (count > 1 && (flags & hasLines) === 0) throw new DecodeError("several lines in an order of one");
  const lines = [readLine(reader)];
  for (let i = 1; i < count; i++) lines.push(readLine(reader));
  const reference = flags & withReference ? readText(reader, "a reference") : undefined;
  const customer = flags & withCustomer ? readText(reader, "a customer") : undefined;
  const command: Building<PlaceCommand> = {
    kind: "place",
    id: readRequestId(reader),
    side: flags & isSell ? "sell" : "buy",
    shape: flags & hasLines ? "lines" : "single",
    lines,
  };
  if (reference !== undefined) command.reference = reference;
  if (customer !== undefined) command.customer = customer;
  return command;
}

function readAcknowledge(reader: ByteReader): AcknowledgeCommand {
  const session = sessionId(reader.varint());
  const below = reader.varint();
  const count = readWithin(reader, 0, openSequencesMax, "a number of open sequences");
  const open: number[] = [];
  let previous = -1;
  for (let i = 0; i < count; i++) {
    const sequence = reader.varint();
    if (sequence <= previous || sequence >= below) {
      throw new DecodeError(`open sequence ${sequence} behind ${previous}, below ${below}`);
    }
    open.push(sequence);
    previous = sequence;
  }
  return { kind: "acknowledge", session, below, open };
}

/** Reads one command and no byte more. Throws `DecodeError` for anything that `apply` could not take. */
function readCommand(reader: ByteReader): Command {
  const code = reader.u8();
  switch (code) {
    case codes.place:
      return readPlace(reader);
    case codes["add-item"]: {
      const item = readItemDefinition(reader);
      return { kind: "add-item", id: readRequestId(reader), item };
    }
    case codes.found:
      return { kind: "found", definition: readDefinition(reader) };
    case codes["open-session"]:
      return { kind: "open-session" };
    case codes.acknowledge:
      return readAcknowledge(reader);
    case codes.tick:
      return { kind: "tick" };
    default:
      throw new DecodeError(`a command of unknown kind ${code}`);
  }
}

export function encodeCommand(command: Command): Uint8Array {
  scratch.reset();
  writeCommand(scratch, command);
  return scratch.copy();
}

/** Throws `DecodeError` for anything but one whole command. */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader = new ByteReader(bytes);
  const command = readCommand(reader);
  reader.end();
  return command;
}

/** A log entry's payload from commands that are encoded already. `at` is Unix milliseconds. */
export function encodeBatch(at: number, commands: readonly Uint8Array[]): Uint8Array {
  scratch.reset();
  scratch.u8(batchVersion);
  scratch.varint(at);
  scratch.varint(commands.length);
  const head = scratch.peek();
  let size = head.length;
  for (const command of commands) size += command.length;
  const payload = new Uint8Array(size);
  payload.set(head);
  let offset = head.length;
  for (const command of commands) {
    payload.set(command, offset);
    offset += command.length;
  }
  return payload;
}

/** Throws `DecodeError` for anything but one whole entry of this format. */
export function decodeBatch(bytes: Uint8Array): Batch {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== batchVersion) throw new DecodeError(`an entry of unknown version ${version}`);
  const at = reader.varint();
  const count = readWithin(reader, 0, reader.remaining, "a number of commands");
  const commands: Command[] = [];
  for (let i = 0; i < count; i++) commands.push(readCommand(reader));
  reader.end();
  return { at, commands };
}
