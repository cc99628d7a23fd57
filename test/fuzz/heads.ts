/** The parts of a request's head, right and awkward: paths, queries and header lines. */
import fc from "fast-check";

export const itemNames = [
  "Lamp",
  "lamp",
  "Äpfel",
  "a/b",
  "100%",
  "🦊 fox",
  "Rare",
  "Rope",
  "Anvil",
  "Nothing",
];

/** Weighted: the first of each pair. */
function mostly<T>(usual: fc.Arbitrary<T>, weight: number, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

const awkwardSegments = [
  "",
  "..",
  ".",
  "%2e%2e",
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "%",
  "%2",
  "%zz",
  "%00",
  "%ff%fe",
  "%ED%A0%80",
  "%E0%80%AF",
  "%C3%84pfel",
  "__proto__",
  "constructor",
  "0",
  "-1",
  "007",
  "1e3",
  "9".repeat(40),
  "9007199254740993",
  "a".repeat(1_000),
  "%F0%9F%A6%8A".repeat(128),
  "%41".repeat(600),
  ";x=1",
  "*",
  "a+b",
  "~",
  "|",
  "\\",
  "{name}",
  "a;b,c",
];

export const segments: fc.Arbitrary<string> = mostly(
  fc.oneof(fc.constantFrom(...itemNames).map(encodeURIComponent), fc.nat(20).map(String)),
  3,
  fc.oneof(fc.constantFrom(...awkwardSegments), fc.string({ unit: "binary", maxLength: 140 }).map(safely)),
);

/** Escaped; a half of a surrogate pair, which nobody can escape, as the wrong UTF-8 that it would be. */
function safely(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : "%ED%A0%80";
}

export const oddPaths: readonly string[] = [
  "/",
  "//",
  "/api",
  "/api/",
  "/api/api/orders",
  "*",
  "/orders/",
  "/orders//",
  "/orders/0/",
  "/orders/batch/",
  "/Orders",
  "/orders;a=1",
  "/orders%2fbatch",
  "/%6frders",
  "/wares/../orders",
  "/wares/Lamp/../../orders",
  "/..%2f..%2f",
  "http://elsewhere/orders",
  "http://elsewhere",
  "/%00",
  "/openapi.json%00",
  `/${"a".repeat(9_000)}`,
  `/wares/${"%61".repeat(2_000)}`,
  "/wares?",
  "/wares?&&",
  "/wares?=",
  "/wares?a",
  `/wares?q=${"a".repeat(9_000)}`,
  "/metrics?x=1",
  "/.git/config",
];

/** They cannot stand in a request's first line, so whatever follows is not to be trusted. */
export const brokenPaths: readonly string[] = [
  "/a b",
  "/a\tb",
  "/\0",
  "/\x7f",
  "",
  "orders",
  "/\xff\xfe",
  "/a\nb",
];

const awkwardValues = [
  "",
  "0",
  "1",
  "1000",
  "1001",
  "-1",
  "1.5",
  "abc",
  "9".repeat(17),
  "9007199254740991",
  "%",
  "%E0%A4",
  "%00",
  "stale",
  "strong",
  "aTE",
  "a".repeat(300),
  "a+b",
  "a=b",
  "%F0%9F%A6%8A",
];

const queryValues: Readonly<Record<string, readonly string[]>> = {
  limit: ["1", "10", "100"],
  after: ["aTE", "0", "5"],
  before: ["3", "100000"],
  topic: ["tools", "none"],
  q: ["a", "ROPE"],
  name: ["Lamp", "Rope"],
  consistency: ["stale"],
  atLeast: ["0", "1"],
  reference: ["r-1"],
  customer: ["c-1"],
};

/** A query of a call that takes these parameters: none, some of them, or what it does not take. */
export function queries(known: readonly string[]): fc.Arbitrary<string> {
  const one = (name: string): fc.Arbitrary<string> =>
    mostly(
      fc.constantFrom(...(queryValues[name] ?? awkwardValues)),
      4,
      fc.constantFrom(...awkwardValues),
    ).map((value) => `${name}=${value}`);
  // Who waits for a position that never comes waits for seconds: few may.
  const names = known.filter((name) => name !== "atLeast");
  const right = names.length === 0 ? fc.constant("") : fc.constantFrom(...names).chain(one);
  const several = fc.array(right, { maxLength: 3 }).map((parts) => parts.join("&"));
  const odd = fc.constantFrom("x=1", "limit=1&limit=2", "__proto__=1", "&", "=", "%zz=1", "a&b&c", "?", "#x");
  return mostly(
    mostly(
      fc.constant(""),
      1,
      several.map((text) => (text === "" ? "" : `?${text}`)),
    ),
    9,
    odd.map((text) => `?${text}`),
  );
}

const ownKeys = fc.oneof(
  fc
    .string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(..."abcdefgh0123456789-_.:/") })
    .map((key) => `k${key}`),
  fc.constantFrom("one", "two", "three", "k".repeat(255)),
);

const oddKeys = fc.oneof(
  fc.constantFrom("", " ", "a b", "\t", "k".repeat(256), "k".repeat(5_000), "bz-", "bz-1-1-00000000"),
  fc.constantFrom(
    "bz-1-1-1-00000000",
    "bz-99999999999999999-1-00000000",
    "__proto__",
    "a,b",
    '"quoted"',
    "\xe4",
    "\xff\xfe",
  ),
);

export const keyLines: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 4, arbitrary: fc.constant([]) },
  { weight: 4, arbitrary: ownKeys.map((key) => [`Idempotency-Key: ${key}`]) },
  { weight: 1, arbitrary: oddKeys.map((key) => [`Idempotency-Key: ${key}`]) },
  { weight: 1, arbitrary: ownKeys.map((key) => [`idempotency-key: ${key}`, `IDEMPOTENCY-KEY: ${key}2`]) },
);

export const typeLines: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 12, arbitrary: fc.constant(["Content-Type: application/json"]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<(readonly string[])[]>(
      [],
      ["Content-Type: application/json; charset=utf-8"],
      ['content-type: APPLICATION/JSON;charset="UTF-8"'],
      ["Content-Type: application/json; charset=latin1"],
      ["Content-Type: application/jsonp"],
      ["Content-Type: text/plain"],
      ["Content-Type: application/x-www-form-urlencoded"],
      ["Content-Type: multipart/form-data; boundary=x"],
      ["Content-Type:"],
      ["Content-Type: application/json", "Content-Type: text/plain"],
      ["Content-Type: application/json", "Content-Encoding: gzip"],
      ["Content-Type: application/json", "Content-Encoding: identity"],
      [`Content-Type: application/json; ${"x".repeat(3_000)}`],
    ),
  },
);

/** Lines that change nothing about where the request ends. */
export const otherLines: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 8, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<(readonly string[])[]>(
      ["Accept: text/html"],
      ["Accept-Encoding: gzip, br"],
      ["Expect: 100-continue"],
      ["Expect: the-impossible"],
      ["Authorization: Bearer x"],
      ["Authorization: Basic \xff"],
      ["Host: another"],
      ["X-Forwarded-For: 127.0.0.1", "X-HTTP-Method-Override: DELETE"],
      ["Range: bytes=0-1"],
      ["If-None-Match: *"],
      ["Cookie: a=b; __proto__=c"],
      ["Trailer: Idempotency-Key"],
      ["TE: trailers"],
      ["Te: \xe4\xf6\xfc"],
      [`X-Long: ${"y".repeat(8_000)}`],
      Array.from({ length: 80 }, (_, i) => `X-${i}: ${i}`),
      ["__proto__: x", "constructor: y"],
    ),
  },
);

/** Heads that no parser should take, or that are too large. */
export const brokenLines: readonly (readonly string[])[] = [
  ["Ho st: x"],
  ["X: a\0b"],
  ["X: a\x01b"],
  [": empty"],
  ["no colon"],
  [" folded: x"],
  ["X: a\r\n b"],
  ["X: a\rb"],
  [`X-Bomb: ${"a".repeat(20_000)}`],
  [`X-Bomb: ${"a".repeat(300_000)}`],
  Array.from({ length: 3_000 }, (_, i) => `X-${i}: bomb`),
];
