/**
 * What front-ends and order replicas say to each other. Commands, replies and rows travel as bytes in the market's
 * own encoding, opaque here; each message is a batch, because one turn of the event loop serves many clients.
 */
import { type ByteReader, type ByteWriter, DecodeError } from "../base/bytes.ts";
import { type FailureCode, failures } from "../base/failure.ts";
import { type Position, position, type ReplicaId, replicaId, type Term, term } from "../base/units.ts";

/** Frame kinds of this conversation. */
export const serviceFrames = {
  submit: 16,
  ask: 17,
  leadership: 18,
  results: 19,
  answers: 20,
  /** See lease.ts. */
  leaseRequest: 21,
  leaseGrant: 22,
  leaseRecall: 23,
  leaseEnd: 24,
  invalidation: 25,
  acknowledgement: 26,
  /** See feed.ts. */
  follow: 27,
  feedItems: 28,
  change: 29,
} as const;

/** Front-end → leader: put these commands into the log. `ticket` is the front-end's own and comes back. */
export interface Submission {
  readonly ticket: number;
  readonly command: Uint8Array;
}

/** Leader → front-end: what became of a submission. */
export type Result =
  | { readonly kind: "reply"; readonly ticket: number; readonly reply: Uint8Array }
  | { readonly kind: "failed"; readonly ticket: number; readonly code: FailureCode };

/**
 * `latest`: as of a read point no earlier than the question (the leader's barrier). `at-least`: any state at or
 * beyond `position`, waiting for it. `stale`: whatever this replica has.
 */
export type Freshness =
  | { readonly kind: "latest" }
  | { readonly kind: "at-least"; readonly position: Position }
  | { readonly kind: "stale" };

export type Inquiry =
  /** No rows: only the position of the state that the question is answered at. */
  | { readonly kind: "position" }
  | { readonly kind: "item"; readonly item: string | number }
  | {
      readonly kind: "items";
      readonly topic?: string;
      /** A part of the name or of the title. */
      readonly q?: string;
      /** Items with an id above it. */
      readonly after: number;
      readonly limit: number;
    }
  | { readonly kind: "order"; readonly number: number }
  | {
      readonly kind: "orders";
      readonly item?: string;
      readonly customer?: string;
      readonly reference?: string;
      readonly after?: number;
      readonly before?: number;
      readonly limit: number;
    };

/**
 * Front-end → any replica (`latest`: the leader), or → a catalog, which knows of items alone and cannot say what is the
 * latest.
 */
export interface Question {
  readonly ticket: number;
  readonly freshness: Freshness;
  readonly inquiry: Inquiry;
}

/** Replica or catalog → front-end. */
export type Answered =
  | {
      readonly kind: "rows";
      readonly ticket: number;
      readonly position: Position;
      /** More rows were found, within the question's limit, than one answer may hold. There is at least one then. */
      readonly more: boolean;
      /** The rows in the market's encoding, after their count. */
      readonly rows: Uint8Array;
    }
  | { readonly kind: "failed"; readonly ticket: number; readonly code: FailureCode };

/** Replica → front-end, on connecting and at every change. */
export interface LeadershipNotice {
  readonly term: Term;
  readonly leader: ReplicaId | undefined;
  /** Whether the sender itself leads and takes submissions. */
  readonly leading: boolean;
}

const failureCodes = Object.keys(failures) as FailureCode[];

function writeFailure(body: ByteWriter, code: FailureCode): void {
  body.u8(failureCodes.indexOf(code));
}

function readFailure(body: ByteReader): FailureCode {
  const code = failureCodes[body.u8()];
  if (code === undefined) throw new DecodeError("an unknown failure code");
  return code;
}

function readMany<T>(body: ByteReader, read: (body: ByteReader) => T): T[] {
  const items: T[] = [];
  while (body.remaining > 0) items.push(read(body));
  return items;
}

export function writeSubmissions(body: ByteWriter, submissions: readonly Submission[]): void {
  for (const { ticket, command } of submissions) {
    body.varint(ticket);
    body.bytes(command);
  }
}

export function readSubmissions(body: ByteReader): Submission[] {
  return readMany(body, () => ({ ticket: body.varint(), command: body.bytes() }));
}

export function writeResults(body: ByteWriter, results: readonly Result[]): void {
  for (const result of results) {
    body.varint(result.ticket);
    if (result.kind === "reply") {
      body.u8(0);
      body.bytes(result.reply);
    } else {
      body.u8(1);
      writeFailure(body, result.code);
    }
  }
}

export function readResults(body: ByteReader): Result[] {
  return readMany(body, () => {
    const ticket = body.varint();
    if (body.u8() === 0) return { kind: "reply", ticket, reply: body.bytes() };
    return { kind: "failed", ticket, code: readFailure(body) };
  });
}

export function writeLeadership(body: ByteWriter, notice: LeadershipNotice): void {
  body.varint(notice.term);
  body.varint(notice.leader ?? 0);
  body.u8(notice.leading ? 1 : 0);
}

export function readLeadership(body: ByteReader): LeadershipNotice {
  const current = term(body.varint());
  const leader = body.varint();
  return {
    term: current,
    leader: leader === 0 ? undefined : replicaId(leader),
    leading: body.u8() === 1,
  };
}

/** Optional fields are written as a presence byte and the value. */
function writeOptional<T>(body: ByteWriter, value: T | undefined, write: (value: T) => void): void {
  body.u8(value === undefined ? 0 : 1);
  if (value !== undefined) write(value);
}

function readOptional<T>(body: ByteReader, read: () => T): T | undefined {
  return body.u8() === 0 ? undefined : read();
}

function writeInquiry(body: ByteWriter, inquiry: Inquiry): void {
  const string = (text: string): void => body.string(text);
  const number = (value: number): void => body.varint(value);
  switch (inquiry.kind) {
    case "item":
      if (typeof inquiry.item === "string") {
        body.u8(0);
        body.string(inquiry.item);
      } else {
        body.u8(1);
        body.varint(inquiry.item);
      }
      return;
    case "items":
      body.u8(2);
      writeOptional(body, inquiry.topic, string);
      writeOptional(body, inquiry.q, string);
      body.varint(inquiry.after);
      body.varint(inquiry.limit);
      return;
    case "order":
      body.u8(3);
      body.varint(inquiry.number);
      return;
    case "orders":
      body.u8(4);
      writeOptional(body, inquiry.item, string);
      writeOptional(body, inquiry.customer, string);
      writeOptional(body, inquiry.reference, string);
      writeOptional(body, inquiry.after, number);
      writeOptional(body, inquiry.before, number);
      body.varint(inquiry.limit);
      return;
    case "position":
      body.u8(5);
      return;
  }
}

function readInquiry(body: ByteReader): Inquiry {
  const string = (): string => body.string();
  const number = (): number => body.varint();
  const kind = body.u8();
  switch (kind) {
    case 0:
      return { kind: "item", item: body.string() };
    case 1:
      return { kind: "item", item: body.varint() };
    case 2: {
      const topic = readOptional(body, string);
      const q = readOptional(body, string);
      return {
        kind: "items",
        ...(topic !== undefined && { topic }),
        ...(q !== undefined && { q }),
        after: body.varint(),
        limit: body.varint(),
      };
    }
    case 3:
      return { kind: "order", number: body.varint() };
    case 4: {
      const item = readOptional(body, string);
      const customer = readOptional(body, string);
      const reference = readOptional(body, string);
      const after = readOptional(body, number);
      const before = readOptional(body, number);
      return {
        kind: "orders",
        ...(item !== undefined && { item }),
        ...(customer !== undefined && { customer }),
        ...(reference !== undefined && { reference }),
        ...(after !== undefined && { after }),
        ...(before !== undefined && { before }),
        limit: body.varint(),
      };
    }
    case 5:
      return { kind: "position" };
    default:
      throw new DecodeError(`an inquiry of kind ${kind}`);
  }
}

const freshnessKinds = ["latest", "at-least", "stale"] as const;

export function writeQuestions(body: ByteWriter, questions: readonly Question[]): void {
  for (const { ticket, freshness, inquiry } of questions) {
    body.varint(ticket);
    body.u8(freshnessKinds.indexOf(freshness.kind));
    if (freshness.kind === "at-least") body.varint(freshness.position);
    writeInquiry(body, inquiry);
  }
}

export function readQuestions(body: ByteReader): Question[] {
  return readMany(body, () => {
    const ticket = body.varint();
    const kind = freshnessKinds[body.u8()];
    if (kind === undefined) throw new DecodeError("an unknown freshness");
    const freshness: Freshness = kind === "at-least" ? { kind, position: position(body.varint()) } : { kind };
    return { ticket, freshness, inquiry: readInquiry(body) };
  });
}

export function writeAnswers(body: ByteWriter, answers: readonly Answered[]): void {
  for (const answer of answers) {
    body.varint(answer.ticket);
    if (answer.kind === "rows") {
      body.u8(0);
      body.varint(answer.position);
      body.u8(answer.more ? 1 : 0);
      body.bytes(answer.rows);
    } else {
      body.u8(1);
      writeFailure(body, answer.code);
    }
  }
}

export function readAnswers(body: ByteReader): Answered[] {
  return readMany(body, () => {
    const ticket = body.varint();
    if (body.u8() !== 0) return { kind: "failed", ticket, code: readFailure(body) };
    const at = position(body.varint());
    return { kind: "rows", ticket, position: at, more: body.u8() === 1, rows: body.bytes() };
  });
}
