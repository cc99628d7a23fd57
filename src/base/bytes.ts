/**
 * Reading and writing of bytes, for every format of ours: log entries, frames, rows. Little-endian; whole numbers
 * that are usually small are LEB128 varints of up to 53 bits; strings are UTF-8 behind their length in bytes.
 *
 * Nothing here imports Node: the pure layers use it.
 */

import type { Hash128 } from "./hash128.ts";
import { hash128 } from "./hash128.ts";

/**
 * Short ASCII texts that were read lately, each in the one slot that its bytes hash to. The names of items are read
 * again and again: to compare bytes with a string is cheaper than to make the string anew, and a string that was
 * looked up before has its hash. The table is bounded and decides nothing.
 */
const knownTexts: string[] = new Array<string>(1_024).fill("");
const knownBytesMax = 32;

/** The text of these bytes, `undefined` if they are not ASCII. */
function knownText(bytes: Uint8Array, start: number, length: number): string | undefined {
  let mix = length;
  for (let i = start; i < start + length; i++) mix = (Math.imul(mix, 31) + (bytes[i] as number)) | 0;
  const slot = (mix ^ (mix >>> 10)) & 1_023;
  const known = knownTexts[slot] as string;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
    if (i === length) return known;
  }
  let text = "";
  for (let i = start; i < start + length; i++) {
    const code = bytes[i] as number;
    if (code >= 0x80) return undefined;
    text += String.fromCharCode(code);
  }
  knownTexts[slot] = text;
  return text;
}

/** Bytes that are not what the format says. Whoever reads from a peer or a disk translates it. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A growing buffer. `finish` hands out a copy-free view and starts afresh, so a writer serves for ever. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #initial: number;
  #length = 0;

  constructor(initialBytes = 1_024) {
    this.#initial = initialBytes;
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** A non-negative safe integer, 1 to 8 bytes. */
  varint(value: number): void {
    // Most are one byte: this much is small enough to be inlined where it is called.
    if (value < 0x80 && this.#length < this.#bytes.length) this.#bytes[this.#length++] = value;
    else this.#longVarint(value);
  }

  #longVarint(value: number): void {
    this.#reserve(8);
    let rest: number;
    if (value >= 0x1000_0000) {
      // Above 31 bits the arithmetic is on doubles, where remainders are slow: one division, then small integers.
      const high = Math.floor(value / 0x1000_0000);
      const low = (value - high * 0x1000_0000) | 0;
      this.#bytes[this.#length++] = low | 0x80;
      this.#bytes[this.#length++] = (low >>> 7) | 0x80;
      this.#bytes[this.#length++] = (low >>> 14) | 0x80;
      this.#bytes[this.#length++] = (low >>> 21) | 0x80;
      rest = high | 0;
    } else {
      rest = value | 0;
    }
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = rest | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Bytes without a length: the reader must know it. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  string(text: string): void {
    // Names are short and mostly ASCII: their length in bytes is then known beforehand and no encoder is called.
    if (text.length < 0x80) {
      this.#reserve(1 + text.length);
      const start = this.#length + 1;
      let i = 0;
      for (; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code >= 0x80) break;
        this.#bytes[start + i] = code;
      }
      if (i === text.length) {
        this.#bytes[this.#length] = i;
        this.#length = start + i;
        return;
      }
    }
    this.bytes(encoder.encode(text));
  }

  /** Overwrite 4 bytes that were written before, for a length that is known only afterwards. */
  patchU32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  /** What was written. The writer starts anew with another buffer: the caller owns these bytes. */
  finish(): Uint8Array {
    const written = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(this.#initial);
    this.#view = new DataView(this.#bytes.buffer);
    this.#length = 0;
    return written;
  }

  /** What was written, valid only until the next write: for a hash or a copy, without an allocation. */
  peek(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what was written, of exactly its size. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** The hash of what was written; cheaper than a hash of `peek()`, which has to make a view. */
  hash(): Hash128 {
    return hash128(this.#bytes, 0, this.#length);
  }

  /** Forget what was written and use the same buffer again. */
  reset(): void {
    this.#length = 0;
  }
}

/** Reads what a `ByteWriter` wrote. Every read is checked: short or wrong bytes throw `DecodeError`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  #need(bytes: number): void {
    if (this.#offset + bytes > this.#end) {
      throw new DecodeError(`${bytes} bytes expected at ${this.#offset}, ${this.remaining} left`);
    }
  }

  u8(): number {
    this.#need(1);
    return this.#bytes[this.#offset++] as number;
  }

  u32(): number {
    this.#need(4);
    const at = this.#offset;
    this.#offset += 4;
    const b = this.#bytes;
    return (
      ((b[at] as number) |
        ((b[at + 1] as number) << 8) |
        ((b[at + 2] as number) << 16) |
        ((b[at + 3] as number) << 24)) >>>
      0
    );
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new DecodeError("a varint above 2^53 − 1");
        return value;
      }
      scale *= 0x80;
    }
    throw new DecodeError("a varint longer than 8 bytes");
  }

  /** A view of the next `length` bytes, not a copy. */
  raw(length: number): Uint8Array {
    this.#need(length);
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, start + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  string(): string {
    const length = this.varint();
    this.#need(length);
    const start = this.#offset;
    this.#offset += length;
    if (length <= knownBytesMax) {
      const text = knownText(this.#bytes, start, length);
      if (text !== undefined) return text;
    }
    try {
      return decoder.decode(this.#bytes.subarray(start, start + length));
    } catch {
      throw new DecodeError(`a string that is not UTF-8 at ${start}`);
    }
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.#offset !== this.#end) throw new DecodeError(`${this.remaining} bytes too many`);
  }
}
