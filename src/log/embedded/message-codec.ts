/**
 * Raft's messages as frames between replicas. Sender, receiver and the sender's incarnation are known from the
 * connection's hello, so they are not in the frame; entries carry no index, because they follow `prevIndex` densely.
 */
import { unreachable } from "../../base/assert.ts";
import { type ByteReader, type ByteWriter, DecodeError } from "../../base/bytes.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term, term } from "../../base/units.ts";
import { decodeMembership } from "../../raft/membership.ts";
import type { Accepted, Entry, Heard, Message, Rejected, Room, Standing } from "../../raft/message.ts";

/** Frame kinds of this conversation. */
const raftFrames = {
  voteRequest: 32,
  voteReply: 33,
  append: 34,
  accepted: 35,
  rejected: 36,
  timeoutNow: 37,
  heard: 38,
  recoverRequest: 39,
  recoverGrant: 40,
  outlived: 41,
} as const;

export function frameKind(message: Message): number {
  switch (message.kind) {
    case "vote-request":
      return raftFrames.voteRequest;
    case "vote-reply":
      return raftFrames.voteReply;
    case "append":
      return raftFrames.append;
    case "heard":
      return raftFrames.heard;
    case "accepted":
      return raftFrames.accepted;
    case "rejected":
      return raftFrames.rejected;
    case "timeout-now":
      return raftFrames.timeoutNow;
    case "recover-request":
      return raftFrames.recoverRequest;
    case "recover-grant":
      return raftFrames.recoverGrant;
    case "outlived":
      return raftFrames.outlived;
    default:
      return unreachable(message);
  }
}

const flag = (value: boolean): number => (value ? 1 : 0);

export function writeMessage(body: ByteWriter, message: Message): void {
  body.varint(message.term);
  switch (message.kind) {
    case "vote-request":
      body.u8(flag(message.pre));
      body.varint(message.lastIndex);
      body.varint(message.lastTerm);
      body.u8(flag(message.transfer));
      return;
    case "vote-reply":
      body.u8(flag(message.pre));
      body.u8(flag(message.granted));
      body.u8(flag(message.doubtful));
      body.u8(flag(message.drained));
      return;
    case "append":
      body.varint(message.prevIndex);
      body.varint(message.prevTerm);
      body.varint(message.commit);
      body.varint(message.base);
      body.varint(message.round);
      body.varint(message.vouched);
      for (const entry of message.entries) {
        body.varint(entry.term);
        body.u8(flag(entry.kind === "membership"));
        body.bytes(entry.payload);
      }
      return;
    case "heard":
      writeReply(body, message);
      return;
    case "accepted":
      writeReply(body, message);
      body.varint(message.match);
      return;
    case "rejected":
      writeReply(body, message);
      body.varint(message.prevIndex);
      body.varint(message.hintIndex);
      body.varint(message.hintTerm);
      return;
    case "timeout-now":
    case "recover-request":
      return;
    case "recover-grant":
      body.varint(message.life);
      body.varint(message.index);
      return;
    case "outlived":
      body.varint(message.known);
      return;
    default:
      unreachable(message);
  }
}

const rooms = ["open", "reserve", "none"] as const satisfies readonly Room[];
const standings = ["able", "stateless", "recovering"] as const satisfies readonly Standing[];

function writeReply(
  body: ByteWriter,
  { round, standing, room, informed }: Heard | Accepted | Rejected,
): void {
  body.varint(round);
  body.u8(standings.indexOf(standing));
  body.u8(rooms.indexOf(room));
  body.u8(flag(informed));
}

function readReply(body: ByteReader): Pick<Heard, "round" | "standing" | "room" | "informed"> {
  const round = body.varint();
  const standing = standings[body.u8()];
  if (standing === undefined) throw new DecodeError("an unknown standing");
  const room = rooms[body.u8()];
  if (room === undefined) throw new DecodeError("an unknown room");
  return { round, standing, room, informed: readFlag(body) };
}

export interface Sender {
  readonly id: ReplicaId;
  readonly incarnation: number;
}

const readIndex = (body: ByteReader): LogIndex => logIndex(body.varint());
const readTerm = (body: ByteReader): Term => term(body.varint());

function readFlag(body: ByteReader): boolean {
  const value = body.u8();
  if (value > 1) throw new DecodeError(`a flag of ${value}`);
  return value === 1;
}

function readEntries(body: ByteReader, prevIndex: LogIndex): Entry[] {
  const entries: Entry[] = [];
  let index = prevIndex;
  while (body.remaining > 0) {
    if (index === Number.MAX_SAFE_INTEGER) throw new DecodeError(`an entry behind ${index}`);
    index = logIndex(index + 1);
    const ofTerm = readTerm(body);
    const kind = readFlag(body) ? "membership" : "command";
    const payload = body.bytes();
    // The core relies on it.
    if (kind === "membership") decodeMembership(payload);
    entries.push({ index, term: ofTerm, kind, payload });
  }
  return entries;
}

/** Throws `DecodeError` on a frame that is none of ours. */
export function readMessage(kind: number, body: ByteReader, from: Sender, to: ReplicaId): Message {
  const envelope = { from: from.id, to, incarnation: from.incarnation, term: readTerm(body) };
  const message = readRest(kind, body, envelope);
  body.end();
  return message;
}

function readRest(
  kind: number,
  body: ByteReader,
  envelope: Pick<Message, "from" | "to" | "incarnation" | "term">,
): Message {
  switch (kind) {
    case raftFrames.voteRequest:
      return {
        kind: "vote-request",
        ...envelope,
        pre: readFlag(body),
        lastIndex: readIndex(body),
        lastTerm: readTerm(body),
        transfer: readFlag(body),
      };
    case raftFrames.voteReply:
      return {
        kind: "vote-reply",
        ...envelope,
        pre: readFlag(body),
        granted: readFlag(body),
        doubtful: readFlag(body),
        drained: readFlag(body),
      };
    case raftFrames.append: {
      const prevIndex = readIndex(body);
      const prevTerm = readTerm(body);
      const commit = readIndex(body);
      const base = readIndex(body);
      const round = body.varint();
      const vouched = body.varint();
      const entries = readEntries(body, prevIndex);
      return { kind: "append", ...envelope, prevIndex, prevTerm, entries, commit, base, round, vouched };
    }
    case raftFrames.heard:
      return { kind: "heard", ...envelope, ...readReply(body) };
    case raftFrames.accepted:
      return { kind: "accepted", ...envelope, ...readReply(body), match: readIndex(body) };
    case raftFrames.rejected:
      return {
        kind: "rejected",
        ...envelope,
        ...readReply(body),
        prevIndex: readIndex(body),
        hintIndex: readIndex(body),
        hintTerm: readTerm(body),
      };
    case raftFrames.timeoutNow:
      return { kind: "timeout-now", ...envelope };
    case raftFrames.recoverRequest:
      return { kind: "recover-request", ...envelope };
    case raftFrames.recoverGrant:
      return { kind: "recover-grant", ...envelope, life: body.varint(), index: readIndex(body) };
    case raftFrames.outlived:
      return { kind: "outlived", ...envelope, known: body.varint() };
    default:
      throw new DecodeError(`a frame of kind ${kind}`);
  }
}
