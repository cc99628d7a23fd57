/**
 * How deep JSON nests, found before it is parsed: 4 MiB of brackets take the parser about 0.4 s and, for a moment, 250
 * MiB, as nothing else of that size does. A few such bodies a second would take a front-end from everyone.
 */

const quote = 0x22;
const backslash = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const braceBit = 0x20;
const openingBrace = 0x7b;
const closingBrace = 0x7d;

/** Whether lists and objects stand in each other more than `most` deep. Of what is no JSON it may say anything. */
export function nestsDeeper(bytes: Uint8Array, most: number): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (inText) {
      if (byte === backslash) i++;
      else if (byte === quote) inText = false;
    } else if (byte === quote) {
      inText = true;
    } else if ((byte | braceBit) === openingBrace) {
      if (++depth > most) return true;
    } else if ((byte | braceBit) === closingBrace) {
      depth--;
    }
  }
  return false;
}
