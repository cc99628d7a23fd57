/**
 * JSON that is nearly what a schema asks for: made from the schema itself, with numbers at and just beyond its bounds, and
 * then, now and then, wrong in one place, as a value or as text.
 */
import fc from "fast-check";

type Schema = Readonly<Record<string, unknown>>;

/** Texts that are right by their type and awkward otherwise. */
const awkwardTexts = [
  "",
  " ",
  "\0",
  "a\nb",
  "\u0085",
  "\ud800",
  "\udc00x",
  "cafe\u0301",
  "🦊".repeat(128),
  "x".repeat(129),
  "__proto__",
  "constructor",
  "12",
  "../../etc/passwd",
  "%00%2f",
  "'; DROP TABLE orders; --",
  "\u202e\ufeff\u2028",
  "a".repeat(5_000),
];

const awkwardValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.5,
  1e21,
  1e-7,
  2 ** 53,
  -(2 ** 53),
  1_000_001,
  1_000_000_000_001,
  Number.MAX_VALUE,
  "1",
  "",
  [],
  [[]],
  {},
  [null],
  { toString: 1, valueOf: 2 },
];

/** Any value of the wrong kind, at any depth. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...awkwardValues),
  fc.constantFrom(...awkwardTexts),
  fc.jsonValue({ maxDepth: 3 }),
);

const given = (schema: Schema, name: string, otherwise: number): number => {
  const value = schema[name];
  return typeof value === "number" ? value : otherwise;
};

function integers(schema: Schema): fc.Arbitrary<unknown> {
  const min = given(schema, "minimum", 0);
  const max = given(schema, "maximum", 1_000_000);
  return fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min, max: Math.min(max, min + 4) }) },
    { weight: 2, arbitrary: fc.integer({ min, max: Math.min(max, Number.MAX_SAFE_INTEGER) }) },
    { weight: 1, arbitrary: fc.constantFrom(min - 1, min, max, max + 1, max * 2) },
  );
}

function strings(schema: Schema, texts: readonly string[]): fc.Arbitrary<unknown> {
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  return fc.oneof(
    { weight: 14, arbitrary: fc.constantFrom(...texts) },
    { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 130 }) },
    { weight: 1, arbitrary: fc.constantFrom(...awkwardTexts) },
  );
}

function objects(schema: Schema, texts: readonly string[]): fc.Arbitrary<unknown> {
  const required = schema.required as readonly string[];
  const properties = Object.entries(schema.properties as Readonly<Record<string, Schema>>);
  const record = fc.record(
    Object.fromEntries(properties.map(([name, property]) => [name, fromSchema(property, texts)])),
    { requiredKeys: [...required], noNullPrototype: true },
  );
  const names = fc.constantFrom(...properties.map(([name]) => name), "__proto__", "constructor", "discount");
  const change = fc.tuple(fc.constantFrom("drop", "replace", "add"), names, anything);
  return fc.oneof(
    { weight: 8, arbitrary: record },
    {
      weight: 1,
      arbitrary: fc.tuple(record, change).map(([value, [how, name, other]]) => {
        const changed = Object.entries(value).filter(([key]) => how === "add" || key !== name);
        return Object.fromEntries(how === "drop" ? changed : [...changed, [name, other]]);
      }),
    },
  );
}

/** Values that mostly satisfy `schema`. `texts`: what a text most likely is. */
export function fromSchema(schema: Schema, texts: readonly string[]): fc.Arbitrary<unknown> {
  if (Array.isArray(schema.oneOf)) {
    return fc.oneof(...(schema.oneOf as Schema[]).map((one) => fromSchema(one, texts)));
  }
  switch (schema.type) {
    case "integer":
      return integers(schema);
    case "string":
      return strings(schema, texts);
    case "array": {
      const items = fromSchema(schema.items as Schema, texts);
      const few = fc.array(items, { minLength: given(schema, "minItems", 0), maxLength: 4 });
      const most = given(schema, "maxItems", 4);
      const many = items.map((item) => new Array<unknown>(most <= 100 ? most + 1 : 200).fill(item));
      return fc.oneof({ weight: 30, arbitrary: few }, { weight: 1, arbitrary: many });
    }
    case "object":
      return objects(schema, texts);
    default:
      return anything;
  }
}

type TextChange = (text: string, at: number) => string;

const inPlaceOfANumber = (other: string): TextChange => {
  return (text) => text.replace(/-?\d+(\.\d+)?/, other);
};

const textChanges: readonly TextChange[] = [
  (text, at) => text.slice(0, at),
  (text, at) => `${text.slice(0, at)}${text.slice(at + 1)}`,
  (text, at) => `${text.slice(0, at)}\0${text.slice(at)}`,
  (text) => `\ufeff${text}`,
  (text) => `${text}${text}`,
  (text) => text.replace(/^\{/, '{"__proto__":{"quantity":1},'),
  (text) => text.replace(/^\{/, '{"name":"x","quantity":1,'),
  (text) => text.replace(/}$/, ',"quantity":1}'),
  (text) => text.replace(/}$/, ",}"),
  (text) => text.replaceAll('"', "'"),
  (text) => text.replaceAll(",", ",\n\t "),
  inPlaceOfANumber("1e999"),
  inPlaceOfANumber("-1e999"),
  inPlaceOfANumber("NaN"),
  inPlaceOfANumber("Infinity"),
  inPlaceOfANumber("1.0"),
  inPlaceOfANumber("1e0"),
  inPlaceOfANumber("-0"),
  inPlaceOfANumber("0x1"),
  inPlaceOfANumber("01"),
  inPlaceOfANumber("9".repeat(400)),
  inPlaceOfANumber("0.30000000000000000000000000000004"),
  (text) => `${"[".repeat(3_000)}${text}${"]".repeat(3_000)}`,
  (text) => `${'{"lines":'.repeat(2_000)}${text}${"}".repeat(2_000)}`,
  (text) => "[".repeat(10_000 + text.length),
];

/** Half of a surrogate pair as its three bytes, an overlong slash, a byte that begins nothing, the end of a sequence. */
const wrongUtf8 = [[0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xff], [0x80], [0xf5, 0x80, 0x80, 0x80]].map((bytes) =>
  Buffer.from(bytes),
);

/** The bytes of such values, mostly as JSON has them. */
export function jsonBytes(values: fc.Arbitrary<unknown>): fc.Arbitrary<Buffer> {
  const text = values.map((value) => JSON.stringify(value) ?? "");
  const at = fc.nat(200);
  return fc.oneof(
    { weight: 12, arbitrary: text.map((whole) => Buffer.from(whole)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(text, fc.constantFrom(...textChanges), at)
        .map(([whole, change, place]) => Buffer.from(change(whole, place % (whole.length + 1)))),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(text, fc.constantFrom(...wrongUtf8), at).map(([whole, wrong, place]) => {
        const bytes = Buffer.from(whole);
        const split = place % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, split), wrong, bytes.subarray(split)]);
      }),
    },
  );
}
