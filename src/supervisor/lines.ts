/** Cuts a stream of bytes into lines of bounded length. */
import { StringDecoder } from "node:string_decoder";

export class LineReader {
  readonly #bytesMax: number;
  readonly #line: (line: string) => void;
  readonly #decoder = new StringDecoder("utf8");
  #partial = "";

  constructor(bytesMax: number, line: (line: string) => void) {
    this.#bytesMax = bytesMax;
    this.#line = line;
  }

  /** False if a line is longer than the bound: the stream must be given up. */
  push(chunk: Buffer): boolean {
    const parts = (this.#partial + this.#decoder.write(chunk)).split("\n");
    this.#partial = parts.pop() ?? "";
    for (const part of parts) {
      if (part.length > this.#bytesMax) return false;
      this.#line(part);
    }
    return this.#partial.length <= this.#bytesMax;
  }
}
