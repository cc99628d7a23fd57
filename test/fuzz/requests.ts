/**
 * Requests that are nearly valid, from the API's own description: its paths, parameters and the schemas of its bodies.
 * A request is *framed* if it is clear where it ends, so that what follows it on the connection is the next one; one
 * that is not comes last.
 */
import fc from "fast-check";
import {
  brokenLines,
  brokenPaths,
  itemNames,
  keyLines,
  oddPaths,
  otherLines,
  queries,
  segments,
  typeLines,
} from "./heads.ts";
import { fromSchema, jsonBytes } from "./json.ts";
import { cuts } from "./mutations.ts";

type Schema = Readonly<Record<string, unknown>>;

/** One call of the API, as it describes it. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: readonly string[];
  readonly body: Schema | undefined;
  readonly statuses: readonly number[];
}

export interface FuzzRequest {
  readonly method: string;
  readonly bytes: Buffer;
  readonly framed: boolean;
  /** How many orders or items it may add. */
  readonly changes: number;
  /** Statuses of 500 and above that are documented. */
  readonly failures: readonly number[];
}

/** A connection's life: these requests, pipelined, cut anywhere; then the end is said in the last head, or by hanging up. */
export interface Conversation {
  readonly requests: readonly FuzzRequest[];
  readonly cuts: readonly number[];
  readonly halfClosed: boolean;
}

interface Described {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** The calls of `GET /openapi.json`. */
export function readCalls(openapi: unknown): Call[] {
  const { paths } = openapi as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters, requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      query: parameters.filter((one) => one.in === "query").map(({ name }) => name),
      body: requestBody?.content["application/json"]?.schema,
      statuses: Object.keys(responses).map(Number),
    })),
  );
}

const oddMethods = [
  "HEAD",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "PROPFIND",
  "QUERY",
  "PURGE",
  "GET",
  "POST",
];

interface Parts {
  readonly method: string;
  readonly path: string;
  readonly version: string;
  readonly lines: readonly string[];
  readonly body: Buffer | undefined;
}

const names = [...itemNames, "Lamp", "Rope", "Anvil", "Lamp", "Rope"];

function targets({ path, query }: Call): fc.Arbitrary<string> {
  const filled = path.includes("{")
    ? segments.map((segment) => path.replace(/\{\w+\}/, () => segment))
    : fc.constant(path);
  const prefix = fc.oneof({ weight: 5, arbitrary: fc.constant("") }, fc.constant("/api"));
  const whole = fc.tuple(prefix, filled, queries(query)).map((parts) => parts.join(""));
  return fc.oneof({ weight: 15, arbitrary: whole }, { weight: 1, arbitrary: fc.constantFrom(...oddPaths) });
}

/** How a body of this call is made; bodies that no call asks for are of no interest, but come. */
function bodies({ body }: Call): fc.Arbitrary<Buffer | undefined> {
  if (body === undefined) {
    return fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, fc.constant(Buffer.from("{}")));
  }
  return jsonBytes(fromSchema(body, names));
}

function partsOf(call: Call): fc.Arbitrary<Parts> {
  const usual = fc.constant(call.method);
  const method = fc.oneof(
    { weight: 15, arbitrary: usual },
    { weight: 1, arbitrary: fc.constantFrom(...oddMethods) },
  );
  const lines = fc.tuple(keyLines, typeLines, otherLines).map((groups) => ["Host: fuzz", ...groups.flat()]);
  return fc.record({ method, path: targets(call), version: fc.constant("1.1"), lines, body: bodies(call) });
}

function chunked(body: Buffer, size: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
  }
  return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
}

function bytesOf(
  { method, path, version, lines, body }: Parts,
  framing: readonly string[],
  sent = body,
): Buffer {
  const head = `${method} ${path} HTTP/${version}\r\n${[...lines, ...framing].join("\r\n")}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), sent ?? Buffer.alloc(0)]);
}

function request(call: Call, parts: Parts, bytes: Buffer, framed: boolean): FuzzRequest {
  const routed = parts.method === call.method || parts.method === "HEAD";
  return {
    method: parts.method,
    bytes,
    framed,
    changes: parts.method === "POST" ? bytes.toString("latin1").split('"quantity"').length : 0,
    failures: routed ? call.statuses.filter((status) => status >= 500) : [503, 504],
  };
}

function framedRequest(call: Call): fc.Arbitrary<FuzzRequest> {
  const chunk = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(1, 7, 1_000));
  return fc.tuple(partsOf(call), chunk).map(([parts, size]) => {
    const { body } = parts;
    if (body === undefined) return request(call, parts, bytesOf(parts, []), true);
    if (size === 0) return request(call, parts, bytesOf(parts, [`Content-Length: ${body.length}`]), true);
    return request(call, parts, bytesOf(parts, ["Transfer-Encoding: chunked"], chunked(body, size)), true);
  });
}

/** Framings that lie, or say two things: no two programs agree on where such a request ends. */
const wrongFramings: readonly ((body: Buffer) => readonly [readonly string[], Buffer])[] = [
  (body) => [[`Content-Length: ${body.length + 5}`], body],
  (body) => [[`Content-Length: ${Math.max(0, body.length - 3)}`], body],
  (body) => [["Content-Length: -1"], body],
  (body) => [["Content-Length: 1e3"], body],
  (body) => [[`Content-Length: +${body.length}`], body],
  (body) => [["Content-Length: 99999999999999999999999"], body],
  (body) => [[`Content-Length: ${body.length}, ${body.length}`], body],
  (body) => [[`Content-Length: ${body.length}`, `Content-Length: ${body.length + 1}`], body],
  (body) => [[`Content-Length: ${body.length}`, "Transfer-Encoding: chunked"], chunked(body, 9)],
  (body) => [["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], chunked(body, 9)],
  (body) => [["Transfer-Encoding: gzip, chunked"], chunked(body, 9)],
  (body) => [["Transfer-Encoding: chunked, identity"], chunked(body, 9)],
  (body) => [["Transfer-Encoding: xchunked"], body],
  (body) => [["Transfer-Encoding:\tchunked"], chunked(body, 3)],
  (body) => [["Transfer-Encoding: chunked"], body],
  (body) => [
    ["Transfer-Encoding: chunked"],
    Buffer.from(`${body.length.toString(16)};ext=${"x".repeat(99)}\r\n`),
  ],
  () => [["Transfer-Encoding: chunked"], Buffer.from("ffffffffffffffff1\r\nx")],
  (body) => [["Transfer-Encoding: chunked"], chunked(body, 9).subarray(0, -4)],
  (body) => [[`Content-Length: ${body.length}`], body.subarray(0, body.length >> 1)],
  () => [["Content-Length: 4194305"], Buffer.alloc(4_194_305, 0x20)],
];

const noHttp = [
  "",
  "\r\n\r\n\r\n",
  "GET /wares",
  "GET / HTTP/9.9\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01",
];

/** The last of a connection: after it nothing can be told apart. */
function lastRequest(call: Call): fc.Arbitrary<FuzzRequest> {
  const parts = partsOf(call);
  const as = (change: (parts: Parts) => Parts): fc.Arbitrary<FuzzRequest> =>
    parts.map((given) => {
      const changed = change(given);
      const length = changed.body === undefined ? [] : [`Content-Length: ${changed.body.length}`];
      return request(call, changed, bytesOf(changed, length), false);
    });
  const upgrade = ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"];
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(parts, fc.constantFrom(...wrongFramings)).map(([given, framing]) => {
        const [lines, sent] = framing(given.body ?? Buffer.from('{"name":"Lamp","quantity":1}'));
        return request(call, given, bytesOf(given, lines, sent), false);
      }),
    },
    fc.constantFrom(...brokenPaths).chain((path) => as((given) => ({ ...given, path }))),
    fc
      .constantFrom(...brokenLines)
      .chain((lines) => as((given) => ({ ...given, lines: [...given.lines, ...lines] }))),
    fc
      .constantFrom("1.0", "0.9", "1.2", "2.0", "x")
      .chain((version) => as((given) => ({ ...given, version }))),
    as((given) => ({ ...given, lines: given.lines.filter((line) => !line.startsWith("Host")) })),
    as((given) => ({ ...given, lines: [...given.lines, ...upgrade] })),
    as((given) => ({ ...given, method: "CONNECT", path: "a:443", body: undefined })),
    fc.oneof(fc.constantFrom(...noHttp), fc.string({ unit: "binary", maxLength: 200 })).map((text) => {
      return { method: "?", bytes: Buffer.from(text, "latin1"), framed: false, changes: 0, failures: [] };
    }),
  );
}

/** Says that it is the last. */
export const goodbye: FuzzRequest = {
  method: "GET",
  bytes: Buffer.from("GET /livez HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n\r\n"),
  framed: true,
  changes: 0,
  failures: [],
};

export function conversations(calls: readonly Call[]): fc.Arbitrary<Conversation> {
  const placing = calls.filter(({ body }) => body !== undefined);
  const any = fc.constantFrom(...calls, ...placing, ...placing);
  return fc.record({
    requests: fc
      .tuple(
        fc.array(any.chain(framedRequest), { minLength: 1, maxLength: 9 }),
        fc.option(any.chain(lastRequest), { freq: 2, nil: undefined }),
      )
      .map(([framed, last]) => (last === undefined ? framed : [...framed, last])),
    cuts,
    halfClosed: fc.boolean(),
  });
}
