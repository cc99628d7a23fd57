/**
 * Readers that ask each order replica itself for its latest state, all the time, whether it leads or not. A front-end
 * asks only whom it believes to lead, which would hide a replica that wrongly believes so of itself. Questions are
 * sent without waiting for answers: those that a paused replica finds when it wakes up are the interesting ones.
 */
import { present } from "../../src/base/assert.ts";
import type { Operation } from "../../src/check/history.ts";
import { monotonicNs } from "../../src/client/clock.ts";
import { readItemRows } from "../../src/frontend/reading.ts";
import { Dialer } from "../../src/wire/dialer.ts";
import { helloFrame, writeHello } from "../../src/wire/hello.ts";
import { type Answered, readAnswers, serviceFrames, writeQuestions } from "../../src/wire/service.ts";
import type { Market } from "../processes/market.test-support.ts";

const askEveryMs = 10;
/**
 * A process that wakes up finds its connections in the order in which something came on them: with several readers, the
 * odds are good that a question comes before the word of a new leader.
 */
const readersPerReplica = 4;
/** Questions without an answer yet, of one replica; beyond it none are asked. */
const waitingMax = 20_000;
/** So that these clients are nobody else in a history. */
const firstClient = 10_000;

interface Asked {
  readonly item: string;
  readonly start: number;
}

class DirectReader {
  readonly #client: number;
  readonly #items: readonly string[];
  readonly #dialer: Dialer;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Map<number, Asked>();
  #nextTicket = 1;
  readonly reads: Operation[] = [];

  constructor(cluster: string, number: number, port: number, items: readonly string[]) {
    this.#client = firstClient + number;
    this.#items = items;
    const name = `reader-${number}`;
    this.#dialer = new Dialer(
      { host: "127.0.0.1", port },
      {
        connected: (connection) => {
          connection.send(helloFrame, (body) => {
            writeHello(body, { cluster, role: "frontend", name, id: 0, incarnation: 1 });
          });
        },
        frame: (kind, body) => {
          if (kind === serviceFrames.answers) for (const answer of readAnswers(body)) this.#answered(answer);
        },
        lost: () => this.#waiting.clear(),
        refused: () => undefined,
      },
    );
    this.#timer = setInterval(() => this.#ask(), askEveryMs);
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
    if (row === undefined) throw new Error(`a replica does not know ${asked.item}`);
    const { quantity, volume, priceMinor, changed: position } = row;
    const value = { quantity, volume, priceMinor };
    this.reads.push({ client: this.#client, op: "read", ...asked, end, status: 200, position, value });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#dialer.close();
  }
}

/** Runs until `stop`, which returns what was read, as operations of a history. */
export class DirectReaders {
  readonly #readers: readonly DirectReader[];

  private constructor(readers: readonly DirectReader[]) {
    this.#readers = readers;
  }

  static async start(market: Market, items: readonly string[]): Promise<DirectReaders> {
    const { processes } = await market.status();
    const replicas = processes.filter(({ role }) => role === "order");
    const ports = replicas.flatMap(({ port }) => Array.from({ length: readersPerReplica }, () => port));
    return new DirectReaders(
      ports.map((port, number) => new DirectReader(market.cluster, number, port, items)),
    );
  }

  stop(): readonly Operation[] {
    for (const reader of this.#readers) reader.close();
    return this.#readers.flatMap(({ reads }) => reads);
  }
}
