/** The table of bad requests, as bytes. */
import { sendRaw } from "./http.test-support.ts";

export interface BadRequest {
  readonly name: string;
  readonly statuses: readonly number[];
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: string | Buffer;
  /** Sent as it is, instead of all the above. */
  readonly raw?: string;
}

/** Send it and return all that came back until the server hung up. */
export async function sendBadRequest(port: number, request: BadRequest): Promise<string> {
  if (request.raw !== undefined) return await sendRaw(port, Buffer.from(request.raw, "latin1"));
  const { body } = request;
  const method = request.method ?? (body === undefined ? "GET" : "POST");
  const headers = ["Host: 127.0.0.1", "Connection: close", ...(request.headers ?? [])];
  const has = (name: string): boolean => headers.some((line) => line.toLowerCase().startsWith(`${name}:`));
  if (body !== undefined && !has("content-type")) headers.push("Content-Type: application/json");
  if (body !== undefined) headers.push(`Content-Length: ${Buffer.byteLength(body)}`);
  const head = `${method} ${request.path ?? "/orders"} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`;
  return await sendRaw(port, Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body ?? "")]));
}

const long = 100_000;
const mebibyte = 1024 * 1024;

function order(name: string, body: unknown, statuses: readonly number[] = [400]): BadRequest {
  return { name, statuses, body: typeof body === "string" ? body : JSON.stringify(body) };
}

function get(name: string, path: string, statuses: readonly number[] = [400]): BadRequest {
  return { name, statuses, path };
}

const fish = '{"name":"FishCo","quantity":1}';

const http: readonly BadRequest[] = [
  { name: "no HTTP at all", statuses: [400], raw: "hello\r\n\r\n" },
  { name: "a TLS greeting", statuses: [400], raw: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" },
  { name: "an unknown version", statuses: [400], raw: "GET / HTTP/9.9\r\n\r\n" },
  {
    name: "no Host",
    statuses: [400],
    raw: "GET /stocks/NoCo HTTP/1.1\r\nConnection: close\r\n\r\n",
  },
  {
    name: "an order with no Host",
    statuses: [400],
    raw: `POST /orders HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${fish.length}\r\n\r\n${fish}`,
  },
  {
    name: "CONNECT",
    statuses: [405],
    raw: "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
  },
  { name: "a space in a header's name", statuses: [400], raw: "GET / HTTP/1.1\r\nHo st: x\r\n\r\n" },
  { name: "NUL in a header", statuses: [400], raw: "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n" },
  {
    name: "two lengths",
    statuses: [400],
    raw: `POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\nContent-Length: 31\r\n\r\n${fish} `,
  },
  {
    name: "a length and chunks",
    statuses: [400],
    raw: `POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n${fish}`,
  },
  {
    name: "a negative length",
    statuses: [400],
    raw: `POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n${fish}`,
  },
  {
    name: "a malformed chunk",
    statuses: [400],
    raw: "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  },
  { name: "a header of 1 MiB", statuses: [431], headers: [`X-Bomb: ${"a".repeat(mebibyte)}`] },
  {
    name: "10,000 headers",
    statuses: [431],
    headers: Array.from({ length: 10_000 }, (_, i) => `X-${i}: bomb`),
  },
  { name: "an address of 100,000 characters", statuses: [414, 431], path: `/stocks/${"a".repeat(long)}` },
  { name: "a body over 4 MiB", statuses: [413], body: " ".repeat(4 * mebibyte + 1) },
  {
    name: "a body over 4 MiB in batches",
    statuses: [413],
    path: "/orders/batch",
    body: "x".repeat(5 * mebibyte),
  },
  { name: "a compressed body", statuses: [415], headers: ["Content-Encoding: gzip"], body: fish },
  {
    name: "a form",
    statuses: [415],
    headers: ["Content-Type: application/x-www-form-urlencoded"],
    body: "a=b",
  },
];

const bodies: readonly BadRequest[] = [
  order("an empty body", ""),
  order("no JSON", "{name: FishCo}"),
  order("half a body of JSON", '{"name":"FishCo","quant'),
  order("100,000 nested lists", "[".repeat(long) + "]".repeat(long)),
  order("100,000 nested objects", ['{"lines":'.repeat(long), "1", "}".repeat(long)].join("")),
  { name: "bytes that are no UTF-8", statuses: [400], body: Buffer.from([0x22, 0xff, 0xfe, 0x22]) },
  order("null", null),
  order("a list", []),
  order("a number", 7),
  order("__proto__", '{"__proto__":{"quantity":1},"name":"FishCo"}'),
  order("constructor", '{"constructor":{"prototype":{"quantity":1}},"name":"FishCo","quantity":1}'),
  order("NUL in a name", { name: "Fish\0Co", quantity: 1 }),
  order("a lone surrogate", '{"name":"Fish\\ud800Co","quantity":1}'),
  order("a name of 100,000 characters", { name: "a".repeat(long), quantity: 1 }),
  order("a reference of 100,000 characters", { name: "FishCo", quantity: 1, reference: "😀".repeat(long) }),
  order("no quantity", { name: "FishCo" }),
  order("a quantity of 0", { name: "FishCo", quantity: 0 }),
  order("a negative quantity", { name: "FishCo", quantity: -1 }),
  order("half a unit", { name: "FishCo", quantity: 0.5 }),
  order("a quantity as text", { name: "FishCo", quantity: "1" }),
  order("a quantity beyond all range", '{"name":"FishCo","quantity":1e999}'),
  order("a quantity above the limit", { name: "FishCo", quantity: 1_000_001 }),
  order("an unknown type", { name: "FishCo", quantity: 1, type: "steal" }),
  order("an unknown field", { name: "FishCo", quantity: 1, discount: 100 }),
  order("both shapes", { name: "FishCo", quantity: 1, lines: [{ id: 1, quantity: 1 }] }),
  order("no lines", { lines: [] }),
  order("101 lines", { lines: Array.from({ length: 101 }, () => ({ id: 1, quantity: 1 })) }),
  order("a line that is none", { lines: [null] }),
  order("an unknown item", { name: "NoCo", quantity: 1 }, [404]),
  order(
    "a known and an unknown item",
    {
      lines: [
        { id: 1, quantity: 1 },
        { id: 99, quantity: 1 },
      ],
    },
    [404],
  ),
  order("more than there is", { name: "FishCo", quantity: 1_000_000 }, [409]),
  {
    name: "a batch with one bad order",
    statuses: [400],
    path: "/orders/batch",
    body: `{"orders":[${fish},7]}`,
  },
  { name: "an empty key", statuses: [400], headers: ["Idempotency-Key:"], body: fish },
  { name: "a key with spaces", statuses: [400], headers: ["Idempotency-Key: a b"], body: fish },
  {
    name: "a key of 256 characters",
    statuses: [400],
    headers: [`Idempotency-Key: ${"k".repeat(256)}`],
    body: fish,
  },
  { name: "a forged key", statuses: [400], headers: ["Idempotency-Key: bz-1-1-00000000"], body: fish },
  {
    name: "an item whose name is a number",
    statuses: [400],
    path: "/stocks",
    body: '{"name":"12","priceMinor":1,"quantity":1}',
  },
  {
    name: "an item that is there",
    statuses: [409],
    path: "/stocks",
    body: '{"name":"fishco","priceMinor":1,"quantity":1}',
  },
];

const paths: readonly BadRequest[] = [
  get("a bad escape in a name", "/stocks/%ZZ"),
  get("an escape that is no UTF-8", "/stocks/%ff%fe"),
  get("half an escape", "/stocks/Fish%2"),
  get("NUL in a path", "/stocks/Fish%00Co"),
  get("a way up", "/stocks/../../etc/passwd", [404]),
  get("__proto__ as an item", "/stocks/__proto__", [404]),
  get("item 0", "/stocks/0", [404]),
  get("a name of 1,000 characters", `/stocks/${"a".repeat(1_000)}`),
  get("an order by name", "/orders/first"),
  get("a negative order", "/orders/-1"),
  get("an order beyond all numbers", `/orders/${"9".repeat(40)}`, [404]),
  get("a bad escape in a query", "/stocks?topic=%E0%A4"),
  get("an unknown parameter", "/stocks?colour=red"),
  get("a limit of 0", "/stocks?limit=0"),
  get("a forged cursor", "/stocks?after=xyz"),
  get("a position that is none", "/stocks/FishCo?atLeast=-1"),
  get("an unknown path", "/nothing/here", [404]),
  { name: "DELETE of an order", statuses: [405], method: "DELETE", path: "/orders/0" },
  { name: "PUT of an order", statuses: [405], method: "PUT", body: fish },
  { name: "POST to an item", statuses: [405], path: "/stocks/FishCo", body: fish },
  { name: "HEAD of nothing", statuses: [404], method: "HEAD", path: "/stocks/NoCo" },
];

export const badRequests: readonly BadRequest[] = [...http, ...bodies, ...paths];
