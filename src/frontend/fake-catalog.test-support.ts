/** A catalog for tests: answers from the market that the fake replicas share, at once or when it has come so far. */
import type { FailureCode } from "../base/failure.ts";
import type { Connection } from "../wire/connection.ts";
import { helloFrame, readHello } from "../wire/hello.ts";
import { Listener } from "../wire/listener.ts";
import { type Answered, type Question, readQuestions, serviceFrames, writeAnswers } from "../wire/service.ts";
import type { FakeMarket } from "./fake-replica.test-support.ts";

export class FakeCatalog {
  readonly #market: FakeMarket;
  readonly #cluster: string;
  readonly #connections = new Set<Connection>();
  #waiting: { readonly connection: Connection; readonly question: Question }[] = [];
  #listener: Listener | undefined;
  /** Take questions and answer nothing. */
  silent = false;
  /** Refuse every question so. */
  refusal: FailureCode | undefined;
  readonly questions: Question[] = [];
  readonly #applied = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { connection, question } of waiting) this.#asked(connection, question);
  };

  constructor(market: FakeMarket, cluster: string) {
    this.#market = market;
    this.#cluster = cluster;
    market.applied.add(this.#applied);
  }

  async open(): Promise<number> {
    this.#listener = await Listener.open({ host: "127.0.0.1", port: 0 }, (connection) => {
      this.#connections.add(connection);
      return {
        frame: (kind, body) => {
          if (kind === helloFrame) readHello(body, this.#cluster);
          if (kind !== serviceFrames.ask) return;
          for (const question of readQuestions(body)) {
            this.questions.push(question);
            if (!this.silent) this.#asked(connection, question);
          }
        },
        closed: () => this.#connections.delete(connection),
      };
    });
    return this.#listener.port;
  }

  disconnect(): void {
    for (const connection of this.#connections) connection.close();
  }

  async close(): Promise<void> {
    this.#market.applied.delete(this.#applied);
    await this.#listener?.close();
  }

  #asked(connection: Connection, question: Question): void {
    const { ticket, freshness, inquiry } = question;
    if (freshness.kind === "at-least" && freshness.position > this.#market.position) {
      this.#waiting.push({ connection, question });
      return;
    }
    const code = this.refusal ?? (freshness.kind === "latest" ? "not-leader" : undefined);
    const { position } = this.#market;
    const answer: Answered =
      code === undefined
        ? { kind: "rows", ticket, position, ...this.#market.rows(inquiry) }
        : { kind: "failed", ticket, code };
    connection.send(serviceFrames.answers, (body) => writeAnswers(body, [answer]));
  }
}
