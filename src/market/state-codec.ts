/**
 * The bytes of a whole market state, as one replica hands it to another. The reader checks all that `restoreMarket`
 * relies on, so that a damaged state is a `DecodeError` where it arrives and never a broken invariant later.
 */
import { type ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { hashesKept, requestLimits } from "../base/limits.ts";
import { itemId, orderNumber, position, type SessionId, sessionId, ticks } from "../base/units.ts";
import { openSequencesMax } from "./command-codec.ts";
import { readDefinition, writeDefinition } from "./definition-codec.ts";
import { foldName } from "./names.ts";
import { readAnswer, writeAnswer } from "./reply-codec.ts";
import type { Answer, Counters, ItemRow, MarketState, PublishedHash, SessionRow } from "./rows.ts";
import { sessionsMax } from "./sessions.ts";
import { readHash, readItem, readWithin, writeHash, writeItem } from "./value-codec.ts";

/** No market gets here; one that said so could soon count no further. */
const positionMax = 2 ** 52;

/** The first byte. Another number is another format, which this program does not know. */
const stateVersion = 1;

/**
 * The state's bytes in parts of about `partBytes` each, which joined are what `readState` reads. A part is made when it
 * is asked for: a hundred thousand items at once would hold up everything else that the process has to do.
 */
export function* encodeState(state: MarketState, partBytes: number): Generator<Uint8Array, void> {
  const writer = new ByteWriter(partBytes + 1_024);
  writer.u8(stateVersion);
  writeDefinition(writer, state.definition);
  writeCounters(writer, state.counters);
  yield* encodeList(writer, state.items, writeItem, partBytes);
  yield* encodeList(writer, state.sessions, writeSession, partBytes);
  yield* encodeList(writer, state.sessionAnswers, writeAnswer, partBytes);
  yield writer.finish();
}

function* encodeList<Row>(
  writer: ByteWriter,
  rows: readonly Row[],
  write: (writer: ByteWriter, row: Row) => void,
  partBytes: number,
): Generator<Uint8Array, void> {
  writer.varint(rows.length);
  for (const row of rows) {
    if (writer.length >= partBytes) yield writer.finish();
    write(writer, row);
  }
}

/** Throws `DecodeError` for anything but a state that a market can go on from. Rows keep the order they came in. */
export function readState(reader: ByteReader): MarketState {
  const version = reader.u8();
  if (version !== stateVersion) throw new DecodeError(`a state of version ${version}, not ${stateVersion}`);
  const definition = readDefinition(reader);
  const counters = readCounters(reader);
  const items = readItems(reader, counters);
  const sessions = readSessions(reader, counters);
  const sessionAnswers = readSessionAnswers(reader, counters, sessions);
  return { definition, items, sessions, sessionAnswers, counters };
}

function writeCounters(writer: ByteWriter, counters: Counters): void {
  writer.varint(counters.position);
  writer.varint(counters.ticks);
  writer.varint(counters.nextOrder);
  writer.varint(counters.nextItem);
  writeHash(writer, counters.hash);
  writer.u8(counters.hashes.length);
  for (const published of counters.hashes) {
    writer.varint(published.position);
    writeHash(writer, published.hash);
  }
}

function readCounters(reader: ByteReader): Counters {
  const at = readWithin(reader, 0, positionMax, "a position");
  return {
    position: position(at),
    ticks: ticks(readWithin(reader, 0, at, "a number of ticks")),
    nextOrder: orderNumber(readWithin(reader, 0, at, "a number of orders")),
    nextItem: itemId(readWithin(reader, 1, requestLimits.itemsMax + 1, "the next item's id")),
    hash: readHash(reader),
    hashes: readHashes(reader, at),
  };
}

function readHashes(reader: ByteReader, at: number): readonly PublishedHash[] {
  const count = reader.u8();
  if (count > hashesKept) throw new DecodeError(`${count} published hashes`);
  const hashes: PublishedHash[] = [];
  let least = 1;
  for (let i = 0; i < count; i++) {
    const published = position(readWithin(reader, least, at, "the position of a published hash"));
    hashes.push({ position: published, hash: readHash(reader) });
    least = published + 1;
  }
  return hashes;
}

/** Ids are 1 to the count, each once, and no two names are the same when folded. */
function readItems(reader: ByteReader, counters: Counters): readonly ItemRow[] {
  const count = reader.varint();
  if (count + 1 !== counters.nextItem) {
    throw new DecodeError(`${count} items, but the next would be ${counters.nextItem}`);
  }
  const items: ItemRow[] = [];
  const seen = new Uint8Array(count + 1);
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const item = readItem(reader);
    if (item.id > count || seen[item.id] === 1) throw new DecodeError(`item ${item.id} is there twice`);
    if (item.changed > counters.position) throw new DecodeError(`item ${item.id} changed after the state`);
    seen[item.id] = 1;
    names.add(foldName(item.name));
    items.push(item);
  }
  if (names.size !== count) throw new DecodeError("two items have one name");
  return items;
}

function writeSession(writer: ByteWriter, row: SessionRow): void {
  writer.varint(row.session);
  writer.varint(row.below);
  writer.varint(row.tick);
  writer.varint(row.open.length);
  for (const sequence of row.open) writer.varint(sequence);
}

function readSessions(reader: ByteReader, counters: Counters): readonly SessionRow[] {
  const count = readWithin(reader, 0, sessionsMax, "a number of sessions");
  const sessions: SessionRow[] = [];
  const seen = new Set<SessionId>();
  for (let i = 0; i < count; i++) {
    const row = readSession(reader, counters);
    if (seen.has(row.session)) throw new DecodeError(`session ${row.session} is there twice`);
    seen.add(row.session);
    sessions.push(row);
  }
  return sessions;
}

function readSession(reader: ByteReader, counters: Counters): SessionRow {
  const session = sessionId(readWithin(reader, 1, counters.position, "a session"));
  const below = reader.varint();
  const tick = ticks(readWithin(reader, 0, counters.ticks, "a session's tick"));
  const count = readWithin(reader, 0, openSequencesMax, "a number of open sequences");
  const open: number[] = [];
  let least = 0;
  for (let i = 0; i < count; i++) {
    const sequence = reader.varint();
    if (sequence < least || sequence >= below) throw new DecodeError(`an open sequence of ${sequence}`);
    open.push(sequence);
    least = sequence + 1;
  }
  return { session, below, open, tick };
}

/** Each is of a session that is there, and no sequence is answered twice. */
function readSessionAnswers(
  reader: ByteReader,
  counters: Counters,
  sessions: readonly SessionRow[],
): readonly Answer[] {
  const answered = new Map(sessions.map(({ session }) => [session, new Set<number>()] as const));
  const count = reader.varint();
  const answers: Answer[] = [];
  for (let i = 0; i < count; i++) {
    const answer = readAnswer(reader);
    if (answer.id.kind !== "session") throw new DecodeError("a client key's answer among those of sessions");
    const { session, sequence } = answer.id;
    const sequences = answered.get(session);
    if (sequences === undefined) throw new DecodeError(`an answer of session ${session}, which is not there`);
    if (sequences.has(sequence)) throw new DecodeError(`request ${session}/${sequence} is answered twice`);
    if (answer.position > counters.position) throw new DecodeError("an answer from after the state");
    sequences.add(sequence);
    answers.push(answer);
  }
  return answers;
}
