/** The first frame on every connection: who dials, of which cluster, in which version of the wire. */
import { type ByteReader, type ByteWriter, DecodeError } from "../base/bytes.ts";

const wireVersion = 1;

/** Kinds of frames, one space for all connections; 1–15 common, 16–31 who serves and who asks, 32–47 the embedded log, 48–63 copying a replica's state, 64–66 the published protocol (course/). */
export const helloFrame = 1;

const roles = ["order", "frontend", "catalog", "copier"] as const;

export interface Hello {
  readonly cluster: string;
  /** `copier`: a replica that copies another's state. */
  readonly role: (typeof roles)[number];
  readonly name: string;
  /** Of an order replica, also as a copier: its number; otherwise 0. */
  readonly id: number;
  /** Of an order replica: which of its lives this is, rising from 1. A front-end's is random, and nobody compares it. */
  readonly incarnation: number;
}

export function writeHello(body: ByteWriter, hello: Hello): void {
  body.u8(wireVersion);
  body.string(hello.cluster);
  body.string(hello.role);
  body.string(hello.name);
  body.varint(hello.id);
  body.varint(hello.incarnation);
}

/** Throws `DecodeError` if the peer speaks another version or is of another cluster. */
export function readHello(body: ByteReader, cluster: string): Hello {
  const version = body.u8();
  if (version !== wireVersion)
    throw new DecodeError(`the peer speaks version ${version} of the wire, not ${wireVersion}`);
  const theirs = body.string();
  if (theirs !== cluster) throw new DecodeError(`the peer is of cluster ${theirs}, not ${cluster}`);
  const said = body.string();
  const role = roles.find((one) => one === said);
  if (role === undefined) throw new DecodeError(`a peer of role ${said}`);
  const hello = {
    cluster,
    role,
    name: body.string(),
    id: body.varint(),
    incarnation: body.varint(),
  } as const;
  body.end();
  return hello;
}
