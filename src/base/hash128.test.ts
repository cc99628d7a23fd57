import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { equalHash, formatHash, type Hash128, HashSum, hash128, parseHash } from "./hash128.ts";

function write(writer: ByteWriter, hash: Hash128): void {
  for (const word of hash) writer.u32(word);
}

test("it is MurmurHash3 x86_128, by the verification value of its author's test suite", () => {
  // SMHasher hashes the keys of 0 to 255 bytes 0, 1, 2… under the seeds 256 to 1, and then all their hashes.
  const key = Uint8Array.from({ length: 256 }, (_, i) => i);
  const hashes = new ByteWriter();
  for (let length = 0; length < 256; length++) {
    const hash = hash128(key, 256 - length, length);
    assert.deepEqual(hash, hash128(key.slice(0, length), 256 - length));
    write(hashes, hash);
  }
  const verification = new ByteWriter();
  write(verification, hash128(hashes.finish()));
  assert.equal(new ByteReader(verification.finish()).u32(), 0xb3ec_e62a);
});

const word = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat(0xffff_ffff));
const hash: fc.Arbitrary<Hash128> = fc.tuple(word, word, word, word);

const big = (of: Hash128): bigint => BigInt(`0x${formatHash(of)}`);

test("a sum is the sum modulo 2^128, and what was added can be taken back in any order", () => {
  fc.assert(
    fc.property(hash, fc.array(hash, { maxLength: 8 }), (start, hashes) => {
      const sum = new HashSum(start);
      let expected = big(start);
      for (const each of hashes) {
        sum.add(each);
        expected = BigInt.asUintN(128, expected + big(each));
        assert.equal(big(sum.value()), expected);
      }
      for (const each of hashes) {
        sum.subtract(each);
        expected = BigInt.asUintN(128, expected - big(each));
        assert.equal(big(sum.value()), expected);
      }
      assert.ok(equalHash(sum.value(), start));
    }),
  );
});

test("a hash's text is read as the same hash, and no other text is", () => {
  fc.assert(fc.property(hash, (each) => assert.deepEqual(parseHash(formatHash(each)), each)));
  assert.equal(formatHash([1, 2, 3, 0xffff_ffff]), "ffffffff000000030000000200000001");
  const bad = ["", "0".repeat(31), "0".repeat(33), "G".repeat(32), `${"0".repeat(31)}\n`];
  for (const text of bad) assert.equal(parseHash(text), undefined, JSON.stringify(text));
});
