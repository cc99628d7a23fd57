/**
 * A 128-bit hash of bytes and the sum of such hashes modulo 2^128.
 *
 * The hash is MurmurHash3 x86_128 (Austin Appleby, public domain): no cryptographic strength is claimed. It compares
 * replicas that are all ours and tells a client's two bodies apart; it must be cheap, because `apply` runs it for
 * every row. A sum is order-free and can be taken back, so one changed row costs one subtraction and one addition.
 */

/** Four 32-bit words, least significant first. */
export type Hash128 = readonly [number, number, number, number];

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

function finalMix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

/** Four bytes from `at`, little-endian. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The at most three bytes from `at` to `end`, little-endian. */
function shortWord(bytes: Uint8Array, at: number, end: number): number {
  let bits = 0;
  for (let i = end - 1; i >= at; i--) bits = (bits << 8) | (bytes[i] as number);
  return bits;
}

/** The hash of the first `length` bytes; all of them unless told. */
export function hash128(bytes: Uint8Array, seed = 0, length = bytes.length): Hash128 {
  const blocks = length & ~15;
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  for (let i = 0; i < blocks; i += 16) {
    h1 ^= Math.imul(rotate(Math.imul(word(bytes, i), c1), 15), c2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotate(Math.imul(word(bytes, i + 4), c2), 16), c3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotate(Math.imul(word(bytes, i + 8), c3), 17), c4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotate(Math.imul(word(bytes, i + 12), c4), 18), c1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  let k1 = 0;
  let k2 = 0;
  let k3 = 0;
  let k4 = 0;
  const rest = length - blocks;
  if (rest < 4) k1 = shortWord(bytes, blocks, length);
  else {
    k1 = word(bytes, blocks);
    if (rest < 8) k2 = shortWord(bytes, blocks + 4, length);
    else {
      k2 = word(bytes, blocks + 4);
      if (rest < 12) k3 = shortWord(bytes, blocks + 8, length);
      else {
        k3 = word(bytes, blocks + 8);
        k4 = shortWord(bytes, blocks + 12, length);
      }
    }
  }
  h4 ^= Math.imul(rotate(Math.imul(k4, c4), 18), c1);
  h3 ^= Math.imul(rotate(Math.imul(k3, c3), 17), c4);
  h2 ^= Math.imul(rotate(Math.imul(k2, c2), 16), c3);
  h1 ^= Math.imul(rotate(Math.imul(k1, c1), 15), c2);
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finalMix(h1);
  h2 = finalMix(h2);
  h3 = finalMix(h3);
  h4 = finalMix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  return [h1 >>> 0, h2 >>> 0, h3 >>> 0, h4 >>> 0];
}

/** 32 hexadecimal digits, most significant word first. */
export function formatHash(hash: Hash128): string {
  return [hash[3], hash[2], hash[1], hash[0]].map((word) => word.toString(16).padStart(8, "0")).join("");
}

/** The inverse of `formatHash`; `undefined` if the text is not 32 hexadecimal digits. */
export function parseHash(text: string): Hash128 | undefined {
  if (!/^[0-9a-f]{32}$/.test(text)) return undefined;
  const word = (at: number): number => Number.parseInt(text.slice(at, at + 8), 16);
  return [word(24), word(16), word(8), word(0)];
}

export function equalHash(a: Hash128, b: Hash128): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** A running sum of hashes modulo 2^128. */
export class HashSum {
  /** Typed, so that a word above 31 bits is not a number object of its own. */
  readonly #words = new Uint32Array(4);

  constructor(start: Hash128 = [0, 0, 0, 0]) {
    this.#words.set(start);
  }

  add(hash: Hash128): void {
    const words = this.#words;
    const s0 = (words[0] as number) + hash[0];
    const s1 = (words[1] as number) + hash[1] + (s0 > 0xffff_ffff ? 1 : 0);
    const s2 = (words[2] as number) + hash[2] + (s1 > 0xffff_ffff ? 1 : 0);
    words[3] = (words[3] as number) + hash[3] + (s2 > 0xffff_ffff ? 1 : 0);
    words[2] = s2;
    words[1] = s1;
    words[0] = s0;
  }

  subtract(hash: Hash128): void {
    const words = this.#words;
    const s0 = (words[0] as number) - hash[0];
    const s1 = (words[1] as number) - hash[1] - (s0 < 0 ? 1 : 0);
    const s2 = (words[2] as number) - hash[2] - (s1 < 0 ? 1 : 0);
    words[3] = (words[3] as number) - hash[3] - (s2 < 0 ? 1 : 0);
    words[2] = s2;
    words[1] = s1;
    words[0] = s0;
  }

  value(): Hash128 {
    const [w0, w1, w2, w3] = this.#words;
    return [w0 as number, w1 as number, w2 as number, w3 as number];
  }
}
