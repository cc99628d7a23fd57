/** A connection that writes down what is sent on it. */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import type { Connection } from "../wire/connection.ts";

export interface SentFrame {
  readonly kind: number;
  readonly body: Uint8Array;
}

export class FakeConnection implements Pick<Connection, "send" | "close" | "closed" | "queuedBytes"> {
  readonly frames: SentFrame[] = [];
  closed = false;
  /** As if so much waited to be read. */
  queuedBytes = 0;
  #sent = Promise.withResolvers<void>();

  send(kind: number, write: (body: ByteWriter) => void): boolean {
    if (this.closed) return false;
    const body = new ByteWriter(64);
    write(body);
    this.frames.push({ kind, body: body.finish() });
    this.#sent.resolve();
    this.#sent = Promise.withResolvers();
    return true;
  }

  close(): void {
    this.closed = true;
  }

  /** What was sent of this kind so far, read by `read`. */
  sent<T>(kind: number, read: (body: ByteReader) => T): T[] {
    return this.frames
      .filter((frame) => frame.kind === kind)
      .map((frame) => read(new ByteReader(frame.body)));
  }

  /** Resolves to the first frame of this kind that satisfies `holds`, once it was sent. */
  async first<T>(
    kind: number,
    read: (body: ByteReader) => T,
    holds: (read: T) => boolean = () => true,
  ): Promise<T> {
    for (;;) {
      const found = this.sent(kind, read).find(holds);
      if (found !== undefined) return found;
      await this.#sent.promise;
    }
  }

  /** As what links are made of. */
  asConnection(): Connection {
    return this as unknown as Connection;
  }
}
