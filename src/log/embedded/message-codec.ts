/**
 * Raft's messages as frames between replicas. Sender, receiver and the sender's incarnation are known from the
 * connection's hello, so they are not in the frame; entries carry no index, because they follow `prevIndex` densely.
 */
import { unreachable } from "../../base/assert.ts";
import { type ByteReader, type ByteWriter, DecodeError } from "../../base/bytes.ts";
import { type LogIndex, logIndex, type ReplicaId, type Term, term } from "../../base/units.ts";
import type { Entry, Message } from "../../raft/message.ts";

/** Frame kinds of this conversation. */
const raftFrames = {
  voteRequest: 32,
  voteReply: 33,
  append: 34,
  accepted: 35,
  rejected: 36,
  timeoutNow: 37,
  heard: 38,
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
      return;
    case "append":
      body.varint(message.prevIndex);
      body.varint(message.prevTerm);
      body.varint(message.commit);
      body.varint(message.round);
      body.varint(message.vouched);
      for (const entry of message.entries) {
        body.varint(entry.term);
        body.bytes(entry.payload);
      }
      return;
    case "heard":
      body.varint(message.round);
      return;
    case "accepted":
      body.varint(message.round);
      body.varint(message.match);
      return;
    case "rejected":
      body.varint(message.round);
      body.varint(message.prevIndex);
      body.varint(message.hintIndex);
      body.varint(message.hintTerm);
      return;
    case "timeout-now":
      return;
    default:
      unreachable(message);
  }
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
    entries.push({ index, term: readTerm(body), payload: body.bytes() });
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
      };
    case raftFrames.append: {
      const prevIndex = readIndex(body);
      const prevTerm = readTerm(body);
      const commit = readIndex(body);
      const round = body.varint();
      const vouched = body.varint();
      const entries = readEntries(body, prevIndex);
      return { kind: "append", ...envelope, prevIndex, prevTerm, entries, commit, round, vouched };
    }
    case raftFrames.heard:
      return { kind: "heard", ...envelope, round: body.varint() };
    case raftFrames.accepted:
      return { kind: "accepted", ...envelope, round: body.varint(), match: readIndex(body) };
    case raftFrames.rejected:
      return {
        kind: "rejected",
        ...envelope,
        round: body.varint(),
        prevIndex: readIndex(body),
        hintIndex: readIndex(body),
        hintTerm: readTerm(body),
      };
    case raftFrames.timeoutNow:
      return { kind: "timeout-now", ...envelope };
    default:
      throw new DecodeError(`a frame of kind ${kind}`);
  }
}
