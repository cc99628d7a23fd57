/**
 * Readers that ask each order replica itself for its latest state, all the time, whether it leads or not. A front-end
 * asks only whom it believes to lead, which would hide a replica that wrongly believes so of itself. Questions are
 * sent without waiting for answers: those that a paused replica finds when it wakes up are the interesting ones.
 */
import { present } from "../base/assert.ts";
import { monotonicNs } from "../client/clock.ts";
import { readItemRows } from "../frontend/reading.ts";
import type { RecordedOperation } from "../shopper/recorder.ts";
import { Dialer } from "../wire/dialer.ts";
import { helloFrame, writeHello } from "../wire/hello.ts";
import { type Answered, readAnswers, serviceFrames, writeQuestions } from "../wire/service.ts";

/** Questions without an answer yet, of one replica; beyond it none are asked. */
const waitingMax = 20_000;
/** So that these clients are nobody else in a history. */
const firstClient = 10_000;

export interface DirectReading {
  /** The cluster's own name, which its processes greet each other with. */
  readonly cluster: string;
  /** Of the order replicas. */
  readonly ports: readonly number[];
  readonly items: readonly string[];
  /**
   * A process that wakes up finds its connections in the order in which something came on them: with several readers,
   * the odds are good that a question comes before the word of a new leader.
   */
  readonly readersPerReplica: number;
  readonly askEveryMs: number;
}

/** What the readers hand on. */
export interface DirectlyRead {
  /** An operation of a history. */
  read(operation: RecordedOperation): void;
  /** A replica said that there is no such item. */
  missing(item: string): void;
}

interface Asked {
  readonly item: string;
  readonly start: number;
}

class DirectReader {
  readonly #client: number;
  readonly #items: readonly string[];
  readonly #read: DirectlyRead;
  readonly #dialer: Dialer;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Map<number, Asked>();
  #nextTicket = 1;

  constructor(reading: DirectReading, number: number, port: number, read: DirectlyRead) {
    this.#client = firstClient + number;
    this.#items = reading.items;
    this.#read = read;
    const name = `reader-${number}`;
    this.#dialer = new Dialer(
      { host: "127.0.0.1", port },
      {
        connected: (connection) => {
          connection.send(helloFrame, (body) => {
            writeHello(body, { cluster: reading.cluster, role: "frontend", name, id: 0, incarnation: 1 });
          });
        },
        frame: (kind, body) => {
          if (kind === serviceFrames.answers) for (const answer of readAnswers(body)) this.#answered(answer);
        },
        lost: () => this.#waiting.clear(),
        refused: () => undefined,
      },
    );
    this.#timer = setInterval(() => this.#ask(), reading.askEveryMs);
  }

  #ask(): void {
    if (this.#waiting.size > waitingMax) return;
    const ticket = this.#nextTicket++;
    const item = present(this.#items[ticket % this.#items.length], "item");
    const question = { ticket, freshness: { kind: "latest" }, inquiry: { kind: "item", item } } as const;
    const start = monotonicNs();
    const sent = this.#dialer.send(serviceFrames.ask, (body) => writeQuestions(body, [question]));
    if (sent) this.#waiting.set(ticket, { item, start });
  }

  #answered(answer: Answered): void {
    const end = monotonicNs();
    const asked = this.#waiting.get(answer.ticket);
    this.#waiting.delete(answer.ticket);
    if (asked === undefined || answer.kind === "failed") return;
    const [row] = readItemRows(answer.rows);
    if (row === undefined) return this.#read.missing(asked.item);
    const { quantity, volume, priceMinor, changed: position } = row;
    const value = { quantity, volume, priceMinor };
    this.#read.read({ client: this.#client, op: "read", ...asked, end, status: 200, position, value });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#dialer.close();
  }
}

/** Runs until `close`. */
export class DirectReaders {
  readonly #readers: readonly DirectReader[];

  constructor(reading: DirectReading, read: DirectlyRead) {
    const ports = reading.ports.flatMap((port) =>
      Array.from({ length: reading.readersPerReplica }, () => port),
    );
    this.#readers = ports.map((port, number) => new DirectReader(reading, number, port, read));
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }
}
