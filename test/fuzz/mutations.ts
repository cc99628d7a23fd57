/**
 * Bytes that are nearly right: well-formed ones, changed in a few places in the ways that break decoders. Lengths and
 * counts are varints and 32-bit numbers, so such numbers of every awkward size are among what is written over them.
 */
import fc from "fast-check";

export interface Mutation {
  readonly kind: (typeof kinds)[number];
  /** A place, taken modulo what there is. */
  readonly at: number;
  readonly size: number;
  readonly value: number;
}

const kinds = ["flip", "set", "insert", "remove", "repeat", "truncate", "number", "splice", "zero"] as const;

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...kinds),
  at: fc.nat(0xff_ffff),
  size: fc.oneof({ weight: 3, arbitrary: fc.nat(8) }, fc.nat(600)),
  value: fc.nat(255),
});

/** Numbers as bytes: varints of every length, the longest that is allowed, and longer; 32 bits, the highest too. */
const numbers: readonly Uint8Array[] = [
  [0],
  [1],
  [0x7f],
  [0x80, 0x01],
  [0xff, 0x7f],
  [0xff, 0xff, 0x03],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x00],
  [0, 0, 0, 0x80],
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 1],
  [1, 0, 0, 1],
].map((bytes) => Uint8Array.from(bytes));

function replaced(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  const end = Math.min(bytes.length, at + removed);
  const changed = new Uint8Array(at + inserted.length + bytes.length - end);
  changed.set(bytes.subarray(0, at));
  changed.set(inserted, at);
  changed.set(bytes.subarray(end), at + inserted.length);
  return changed;
}

function mutate(bytes: Uint8Array, { kind, at, size, value }: Mutation, other: Uint8Array): Uint8Array {
  const place = bytes.length === 0 ? 0 : at % bytes.length;
  const piece = bytes.subarray(place, place + size);
  switch (kind) {
    case "flip":
      return replaced(bytes, place, 1, Uint8Array.of((bytes[place] ?? 0) ^ (1 << (value & 7))));
    case "set":
      return replaced(bytes, place, 1, Uint8Array.of(value));
    case "insert":
      return replaced(bytes, place, 0, new Uint8Array(size + 1).fill(value));
    case "remove":
      return replaced(bytes, place, size + 1, new Uint8Array(0));
    case "repeat":
      return replaced(bytes, place, 0, piece);
    case "truncate":
      return bytes.subarray(0, place);
    case "number": {
      const written = numbers[value % numbers.length] as Uint8Array;
      return replaced(bytes, place, size % 5, written);
    }
    case "splice":
      return replaced(bytes, place, size, other.subarray(value % (other.length + 1)));
    case "zero":
      return replaced(bytes, place, piece.length, new Uint8Array(piece.length));
  }
}

/** One of these, as it is or changed in a few places; now and then any bytes. */
export function mutated(corpus: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const one = fc.constantFrom(...corpus);
  const changed = fc
    .tuple(one, one, fc.array(mutation, { maxLength: 5 }))
    .map(([bytes, other, mutations]) => mutations.reduce((so, each) => mutate(so, each, other), bytes));
  return fc.oneof(
    { weight: 20, arbitrary: changed },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
}

/** Where to cut what is sent, as shares of its length. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  fc.array(fc.nat(999), { maxLength: 6 }),
);

/** `bytes` in pieces. */
export function cutUp(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = at.map((share) => Math.floor((bytes.length * share) / 1_000)).sort((a, b) => a - b);
  const bounds = [0, ...places, bytes.length];
  const pieces = places.concat(bytes.length).map((end, i) => bytes.subarray(bounds[i], end));
  return pieces.filter((piece) => piece.length > 0);
}
