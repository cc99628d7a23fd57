/**
 * What a replica that copies another's state (the *copier*) and the one that it copies (the *source*) say to each other:
 * the copier asks, the source answers, one question at a time. So each side holds one part in memory, whatever the size of
 * the whole, and the copier's pace is the pace. State and rows travel in the market's encoding, opaque here.
 */
import { unreachable } from "../base/assert.ts";
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import { type FailureCode, failures } from "../base/failure.ts";
import {
  type LogIndex,
  logIndex,
  type OrderNumber,
  orderNumber,
  type Position,
  position,
  type Term,
  term,
} from "../base/units.ts";
import type { Connection } from "./connection.ts";

/** Frame kinds of this conversation. */
export const copyFrames = {
  begin: 48,
  more: 49,
  orders: 50,
  answers: 51,
  state: 52,
  rows: 53,
  refused: 54,
} as const;

/** Copier → source. */
export type CopyRequest =
  /** Hold on to a state that includes this index. First, and once. The answer is the state's first part. */
  | { readonly kind: "begin"; readonly atLeast: LogIndex }
  /** The state's next part. */
  | { readonly kind: "more" }
  /** Of that state, orders from this number on. */
  | { readonly kind: "orders"; readonly from: OrderNumber }
  /** Of that state, answers of client keys from behind this position on. */
  | { readonly kind: "answers"; readonly after: Position };

/** Source → copier, one for each request. */
export type CopyAnswer =
  | {
      readonly kind: "state";
      /** The log index that the state includes, and its entry's term; the same in every part. */
      readonly index: LogIndex;
      readonly term: Term;
      /** Whether another part follows. */
      readonly more: boolean;
      /** All parts, joined, are the state's bytes. */
      readonly bytes: Uint8Array;
    }
  /** Their count, then each; a count of 0 says that no more are there. */
  | { readonly kind: "rows"; readonly rows: Uint8Array }
  /** Nothing was sent, and the conversation is over. */
  | { readonly kind: "refused"; readonly code: FailureCode };

/** As `Connection.send`. */
export function sendCopyRequest(connection: Connection, request: CopyRequest): boolean {
  return connection.send(copyFrames[request.kind], (body) => {
    switch (request.kind) {
      case "begin":
        return body.varint(request.atLeast);
      case "more":
        return;
      case "orders":
        return body.varint(request.from);
      case "answers":
        return body.varint(request.after);
      default:
        unreachable(request);
    }
  });
}

/** As `Connection.send`. */
export function sendCopyAnswer(connection: Connection, answer: CopyAnswer): boolean {
  return connection.send(copyFrames[answer.kind], (body) => {
    switch (answer.kind) {
      case "state":
        body.varint(answer.index);
        body.varint(answer.term);
        body.u8(answer.more ? 1 : 0);
        return body.bytes(answer.bytes);
      case "rows":
        return body.bytes(answer.rows);
      case "refused":
        return body.string(answer.code);
      default:
        unreachable(answer);
    }
  });
}

/** Throws `DecodeError` for what no copier says. */
export function readCopyRequest(kind: number, body: ByteReader): CopyRequest {
  const request = readRequest(kind, body);
  body.end();
  return request;
}

function readRequest(kind: number, body: ByteReader): CopyRequest {
  switch (kind) {
    case copyFrames.begin:
      return { kind: "begin", atLeast: logIndex(body.varint()) };
    case copyFrames.more:
      return { kind: "more" };
    case copyFrames.orders:
      return { kind: "orders", from: orderNumber(body.varint()) };
    case copyFrames.answers:
      return { kind: "answers", after: position(body.varint()) };
    default:
      throw new DecodeError(`a copier sent a frame of kind ${kind}`);
  }
}

/** Throws `DecodeError` for what no source says. */
export function readCopyAnswer(kind: number, body: ByteReader): CopyAnswer {
  const answer = readAnswer(kind, body);
  body.end();
  return answer;
}

function readAnswer(kind: number, body: ByteReader): CopyAnswer {
  switch (kind) {
    case copyFrames.state: {
      const index = logIndex(body.varint());
      return { kind: "state", index, term: term(body.varint()), more: readMore(body), bytes: body.bytes() };
    }
    case copyFrames.rows:
      return { kind: "rows", rows: body.bytes() };
    case copyFrames.refused:
      return { kind: "refused", code: readCode(body) };
    default:
      throw new DecodeError(`a source of a copy sent a frame of kind ${kind}`);
  }
}

function readMore(body: ByteReader): boolean {
  const more = body.u8();
  if (more > 1) throw new DecodeError(`a flag of ${more}`);
  return more === 1;
}

function readCode(body: ByteReader): FailureCode {
  const said = body.string();
  if (!Object.hasOwn(failures, said)) throw new DecodeError("an unknown failure code");
  return said as FailureCode;
}
