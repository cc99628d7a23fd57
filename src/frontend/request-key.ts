/**
 * The keys that make a request recognisable. A client's own key is hashed; a client that sent none is given one,
 * `bz-<session>-<sequence>-<tag>` (a batch: `bz-<session>-<first>-<count>-<tag>`), which names the front-end's own
 * request id, so that it can be answered through any front-end. The tag, cut from an HMAC under the cluster's secret,
 * keeps clients from naming each other's requests.
 */
import { hash, timingSafeEqual } from "node:crypto";
import type { Hash128 } from "../base/hash128.ts";
import { requestLimits } from "../base/limits.ts";
import { type SessionId, sessionId } from "../base/units.ts";
import type { RequestId } from "../market/command.ts";

/** What a request's `Idempotency-Key` header says. */
export type ClientKey =
  | { readonly kind: "own"; readonly text: string }
  /** One of ours: one order (`count` undefined) or a batch. */
  | {
      readonly kind: "issued";
      readonly session: SessionId;
      readonly first: number;
      readonly count: number | undefined;
    }
  | { readonly kind: "malformed"; readonly problem: string };

/** One HMAC yields the tags of this many consecutive sequences. */
const tagsPerHmac = 8;
const issuedPattern = /^bz-([0-9]{1,16})-([0-9]{1,16})(?:-([0-9]{1,5}))?-([0-9a-f]{8})$/;

const blockBytes = 64;

/** The key, padded to a block, with every byte turned by `turn` (RFC 2104). */
function padded(key: Buffer, turn: number): Buffer {
  const block = Buffer.alloc(blockBytes, turn);
  for (const [i, byte] of key.entries()) block[i] = byte ^ turn;
  return block;
}

/** Issues and verifies the keys of one cluster. */
export class RequestKeys {
  readonly #inner: Buffer;
  readonly #outer: Buffer;
  /** The tags of the block that was used last: fresh sequences count up. */
  #session = -1;
  #block = -1;
  #tags = "";

  /** `secret`: 64 hexadecimal digits. */
  constructor(secret: string) {
    const key = Buffer.from(secret, "hex");
    this.#inner = padded(key, 0x36);
    this.#outer = padded(key, 0x5c);
  }

  issue(session: SessionId, sequence: number): string {
    return `bz-${session}-${sequence}-${this.#tag(session, sequence)}`;
  }

  issueBatch(session: SessionId, first: number, count: number): string {
    return `bz-${session}-${first}-${count}-${this.#batchTag(session, first, count)}`;
  }

  #tag(session: number, sequence: number): string {
    const block = Math.floor(sequence / tagsPerHmac);
    if (block !== this.#block || session !== this.#session) {
      this.#tags = this.#hmac(`one:${session}:${block}`);
      this.#block = block;
      this.#session = session;
    }
    const at = (sequence % tagsPerHmac) * 8;
    return this.#tags.slice(at, at + 8);
  }

  #batchTag(session: number, first: number, count: number): string {
    return this.#hmac(`many:${session}:${first}:${count}`).slice(0, 8);
  }

  /** HMAC-SHA256 from two one-shot hashes: an `Hmac` object for each costs ten times as much, most of it in the collector. */
  #hmac(text: string): string {
    const digest = hash("sha256", Buffer.concat([this.#inner, Buffer.from(text)]), "buffer");
    return hash("sha256", Buffer.concat([this.#outer, digest]), "hex");
  }

  /** Reads what a client sent. A key that begins like ours and is not ours is malformed. */
  read(text: string): ClientKey {
    if (!text.startsWith("bz-")) return readOwn(text);
    const match = issuedPattern.exec(text);
    if (match === null) return foreign;
    const session = Number(match[1]);
    const first = Number(match[2]);
    const count = match[3] === undefined ? undefined : Number(match[3]);
    if (!Number.isSafeInteger(session) || !Number.isSafeInteger(first + (count ?? 1))) return foreign;
    const tag = count === undefined ? this.#tag(session, first) : this.#batchTag(session, first, count);
    if (!timingSafeEqual(Buffer.from(tag), Buffer.from(match[4] as string))) return foreign;
    return { kind: "issued", session: sessionId(session), first, count };
  }
}

const foreign: ClientKey = {
  kind: "malformed",
  problem:
    "Idempotency-Key begins with bz-, which only keys handed out by this service do; choose another beginning",
};

function readOwn(text: string): ClientKey {
  if (text.length > requestLimits.keyCharacters || !/^[\x21-\x7e]+$/.test(text)) {
    const problem = `Idempotency-Key must be 1 to ${requestLimits.keyCharacters} visible ASCII characters without spaces`;
    return { kind: "malformed", problem };
  }
  return { kind: "own", text };
}

/** The request id of a client's own key. Clients choose keys, so the hash must be one they cannot find collisions of. */
export function ownId(text: string): RequestId {
  const digest = hash("sha256", text, "buffer");
  const key: Hash128 = [
    digest.readUInt32LE(0),
    digest.readUInt32LE(4),
    digest.readUInt32LE(8),
    digest.readUInt32LE(12),
  ];
  return { kind: "key", key };
}

export function sessionRequestId(session: SessionId, sequence: number): RequestId {
  return { kind: "session", session, sequence };
}
