import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "./bytes.ts";

const item = fc.oneof(
  fc.record({ kind: fc.constant("u8"), value: fc.nat(255) }),
  fc.record({ kind: fc.constant("u32"), value: fc.nat(0xffff_ffff) }),
  fc.record({ kind: fc.constant("varint"), value: fc.oneof(fc.nat(300), fc.maxSafeNat()) }),
  fc.record({ kind: fc.constant("string"), value: fc.string({ unit: "binary", maxLength: 200 }) }),
  fc.record({ kind: fc.constant("string"), value: fc.string({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant("bytes"), value: fc.uint8Array({ maxLength: 200 }) }),
);
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

function write(writer: ByteWriter, { kind, value }: Item): void {
  if (typeof value === "string") writer.string(value);
  else if (typeof value !== "number") writer.bytes(value);
  else if (kind === "u8") writer.u8(value);
  else if (kind === "u32") writer.u32(value);
  else writer.varint(value);
}

function read(reader: ByteReader, { kind }: Item): string | number | Uint8Array {
  switch (kind) {
    case "u8":
      return reader.u8();
    case "u32":
      return reader.u32();
    case "varint":
      return reader.varint();
    case "string":
      return reader.string();
    default:
      return reader.bytes();
  }
}

test("whatever was written is read again, also by a writer that grows and is used again", () => {
  const writer = new ByteWriter(4);
  fc.assert(
    fc.property(fc.array(item), (items) => {
      writer.reset();
      for (const each of items) write(writer, each);
      assert.deepEqual(writer.copy(), writer.peek());
      const reader = new ByteReader(writer.copy());
      for (const each of items) assert.deepEqual(read(reader, each), each.value);
      reader.end();
    }),
  );
});

test("what was cut short is a DecodeError, and nothing is read beyond the end that was given", () => {
  fc.assert(
    fc.property(item, (each) => {
      const writer = new ByteWriter();
      write(writer, each);
      const bytes = writer.finish();
      for (let end = 0; end < bytes.length; end++) {
        assert.throws(() => read(new ByteReader(bytes, 0, end), each), DecodeError);
      }
    }),
  );
});

test("a varint takes one byte for every seven bits, at every border up to 2^53 − 1", () => {
  const borders: [value: number, bytes: number][] = [[Number.MAX_SAFE_INTEGER, 8]];
  for (let bytes = 1; bytes <= 7; bytes++)
    borders.push([2 ** (7 * bytes) - 1, bytes], [2 ** (7 * bytes), bytes + 1]);
  for (const [value, length] of borders) {
    const writer = new ByteWriter();
    writer.varint(value);
    const bytes = writer.finish();
    assert.equal(bytes.length, length, `${value}`);
    assert.equal(new ByteReader(bytes).varint(), value);
  }
});

test("a varint above 2^53 − 1, or longer than eight bytes, is refused", () => {
  const above = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
  const long = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
  for (const bytes of [above, long]) {
    assert.throws(() => new ByteReader(new Uint8Array(bytes)).varint(), DecodeError);
  }
});

test("a string that is not UTF-8 is refused, and so are bytes that nobody asked for", () => {
  assert.throws(() => new ByteReader(new Uint8Array([2, 0xc3, 0x28])).string(), DecodeError);
  assert.throws(() => new ByteReader(new Uint8Array([1])).end(), DecodeError);
});

test("a length that is known only afterwards is put in its place", () => {
  const writer = new ByteWriter(1);
  writer.u8(9);
  writer.u32(0);
  writer.string("behind it");
  writer.patchU32(1, 0xfedc_ba98);
  const reader = new ByteReader(writer.finish());
  assert.deepEqual([reader.u8(), reader.u32(), reader.string()], [9, 0xfedc_ba98, "behind it"]);
});
