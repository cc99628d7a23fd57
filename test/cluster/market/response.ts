/** Collects what a front-end's handlers write, in place of a response of `node:http`. */
import type { Shown } from "./oracle.ts";

/** A reply, and what the cache had to do with it. */
export type Answer = Shown & { readonly cache: string | undefined };

export class Response {
  readonly #done: (answer: Answer) => void;
  #status = 0;
  #headers: readonly string[] = [];

  constructor(done: (answer: Answer) => void) {
    this.#done = done;
  }

  writeHead(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#headers = [...headers];
  }

  end(body: string, encoding: BufferEncoding): void {
    const text = encoding === "latin1" ? Buffer.from(body, "latin1").toString() : body;
    const position = Number(this.#header("bazaar-position") ?? Number.NaN);
    this.#done({ status: this.#status, position, body: text, cache: this.#header("x-cache") });
  }

  #header(name: string): string | undefined {
    const at = this.#headers.indexOf(name);
    return at === -1 ? undefined : this.#headers[at + 1];
  }
}
