/**
 * What a leader and a front-end that keeps replies say to each other about the lease that lets it (ARCHITECTURE.md,
 * "Why a cached read is never stale"; the idea is Gray and Cheriton's, SOSP 1989).
 *
 * A lease is granted in *sessions*. Within one, the leader tells the holder of every entry as it appends it
 * (`invalidation`), and commits nothing that the holder has not acknowledged, until the lease has ended. So whoever
 * holds a lease knows, of every change that anyone can have been told, that it has happened. All of it travels on one
 * connection, in order: a grant comes before the invalidations of its session, and a session ends with its connection.
 */
import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/bytes.ts";
import {
  type ItemId,
  itemId,
  type LogIndex,
  logIndex,
  type Position,
  position,
  type Term,
  term,
} from "../base/units.ts";

/** Front-end → leader: every `leaseTimes.renewEveryMs`. */
export interface LeaseRequest {
  /** Counts the front-end's requests and comes back, so that it knows when the one that is answered was sent. */
  readonly request: number;
  /** The session that is to go on; 0: none, a new one is wanted. */
  readonly session: number;
}

/** Leader → front-end. A request that cannot be granted now is not answered. */
export interface LeaseGrant {
  readonly request: number;
  readonly term: Term;
  /** The one that was asked for if it could go on, else a new one; the leader's own count, from 1. */
  readonly session: number;
  /** From when the request was *sent*, by the holder's clock. */
  readonly remainingMs: number;
  /**
   * The newest command that the leader had appended when the session began, not below the first of its term. Of what
   * was appended before, the holder is told nothing more: what it fills its cache with must be at least as new.
   */
  readonly start: Position;
}

/** Leader → front-end: give the lease up, leadership is about to be handed over. Answered by `leaseEnd`. */
export interface LeaseRecall {
  readonly session: number;
}

/** Front-end → leader: the session is over, and nothing is answered from the cache any more. */
export interface LeaseEnd {
  readonly session: number;
}

/** What an entry may change: the items named; those and every list (an item is added); or anything. */
export type Touched =
  | { readonly kind: "items"; readonly items: readonly ItemId[] }
  | { readonly kind: "lists"; readonly items: readonly ItemId[] }
  | { readonly kind: "all" };

/** Leader → front-end, as it appends an entry. */
export interface Invalidation {
  readonly index: LogIndex;
  /** The position of the entry's last command. */
  readonly position: Position;
  readonly touched: Touched;
}

/** Front-end → leader: every invalidation of this session up to here is carried out. */
export interface Acknowledgement {
  readonly session: number;
  readonly index: LogIndex;
}

export function writeLeaseRequest(body: ByteWriter, { request, session }: LeaseRequest): void {
  body.varint(request);
  body.varint(session);
}

export function readLeaseRequest(body: ByteReader): LeaseRequest {
  const read = { request: body.varint(), session: body.varint() };
  body.end();
  return read;
}

/** Milliseconds travel as whole microseconds, rounded down: a lease may be shortened, never lengthened. */
const microseconds = 1_000;

export function writeLeaseGrant(body: ByteWriter, grant: LeaseGrant): void {
  body.varint(grant.request);
  body.varint(grant.term);
  body.varint(grant.session);
  body.varint(Math.max(0, Math.floor(grant.remainingMs * microseconds)));
  body.varint(grant.start);
}

export function readLeaseGrant(body: ByteReader): LeaseGrant {
  const grant = {
    request: body.varint(),
    term: term(body.varint()),
    session: body.varint(),
    remainingMs: body.varint() / microseconds,
    start: position(body.varint()),
  };
  body.end();
  return grant;
}

/** Also for a `LeaseEnd`. */
export function writeSession(body: ByteWriter, { session }: LeaseRecall | LeaseEnd): void {
  body.varint(session);
}

export function readSession(body: ByteReader): LeaseRecall & LeaseEnd {
  const read = { session: body.varint() };
  body.end();
  return read;
}

const touchedKinds = ["items", "lists", "all"] as const;

export function writeInvalidation(body: ByteWriter, { index, position: at, touched }: Invalidation): void {
  body.varint(index);
  body.varint(at);
  body.u8(touchedKinds.indexOf(touched.kind));
  if (touched.kind === "all") return;
  for (const item of touched.items) body.varint(item);
}

export function readInvalidation(body: ByteReader): Invalidation {
  const index = logIndex(body.varint());
  const at = position(body.varint());
  const kind = touchedKinds[body.u8()];
  if (kind === undefined) throw new DecodeError("an invalidation of unknown extent");
  const items: ItemId[] = [];
  while (body.remaining > 0) items.push(itemId(body.varint()));
  return { index, position: at, touched: kind === "all" ? { kind } : { kind, items } };
}

export function writeAcknowledgement(body: ByteWriter, { session, index }: Acknowledgement): void {
  body.varint(session);
  body.varint(index);
}

export function readAcknowledgement(body: ByteReader): Acknowledgement {
  const read = { session: body.varint(), index: logIndex(body.varint()) };
  body.end();
  return read;
}
