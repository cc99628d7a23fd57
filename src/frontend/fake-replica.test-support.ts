/**
 * An order replica for tests: it speaks the whole conversation of `wire/service.ts` and answers from a market in
 * memory, without a log. Several of them may share one market, as replicas share one log; a test decides who leads,
 * and which of them holds its answers back, refuses, or lets its connections go.
 */
import { ByteWriter } from "../base/bytes.ts";
import type { FailureCode } from "../base/failure.ts";
import { formatHash, type Hash128 } from "../base/hash128.ts";
import { requestLimits } from "../base/limits.ts";
import { type ItemId, itemId, type ReplicaId, type Term } from "../base/units.ts";
import { apply } from "../market/apply.ts";
import { decodeCommand, encodeReply, writeItem, writeOrder } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import type { MarketDefinition } from "../market/definition.ts";
import { emptyMarket, findItem, listItems, lookUpItem } from "../market/market.ts";
import type { Answer, ItemRow, OrderRow } from "../market/rows.ts";
import type { Connection } from "../wire/connection.ts";
import { helloFrame, readHello } from "../wire/hello.ts";
import { Listener } from "../wire/listener.ts";
import {
  type Answered,
  type Inquiry,
  type Result,
  readQuestions,
  readSubmissions,
  serviceFrames,
  writeAnswers,
  writeLeadership,
  writeResults,
} from "../wire/service.ts";
import { type Committed, FakeLeases } from "./fake-leases.test-support.ts";

const { itemsMax } = requestLimits;

/** The one market, with what a store would keep. */
export class FakeMarket {
  readonly #market = emptyMarket();
  readonly #orders: OrderRow[] = [];
  readonly #answers = new Map<string, Answer>();
  /** The most rows of a page, as if more were too large for an answer. */
  rowsMax = Number.POSITIVE_INFINITY;
  /** How often each command came, by its bytes. */
  readonly seen = new Map<string, number>();
  /** Called after every batch of commands. */
  readonly applied = new Set<() => void>();

  constructor(definition: MarketDefinition) {
    this.#apply([{ kind: "found", definition }]);
  }

  get orders(): readonly OrderRow[] {
    return this.#orders;
  }

  get position() {
    return this.#market.position;
  }

  #apply(commands: Parameters<typeof apply>[1]["commands"]) {
    const answered = (key: Hash128) => this.#answers.get(formatHash(key));
    const { replies, rows } = apply(this.#market, { at: 1_767_225_600_000, commands }, answered);
    this.#orders.push(...rows.orders);
    for (const answer of rows.answers) {
      if (answer.id.kind === "key") this.#answers.set(formatHash(answer.id.key), answer);
    }
    return { replies, items: rows.items };
  }

  /** The items that `command` may change; undefined: any, or others. */
  touched(command: Command): readonly ItemId[] | undefined {
    if (command.kind === "open-session" || command.kind === "acknowledge") return [];
    if (command.kind !== "place") return undefined;
    return command.lines.flatMap(({ item }) => lookUpItem(this.#market, item)?.id ?? []);
  }

  submit(commands: readonly Uint8Array[]): {
    readonly replies: readonly Uint8Array[];
    readonly items: readonly ItemRow[];
  } {
    for (const command of commands) {
      const text = Buffer.from(command).toString("hex");
      this.seen.set(text, (this.seen.get(text) ?? 0) + 1);
    }
    const { replies, items } = this.#apply(commands.map(decodeCommand));
    for (const applied of this.applied) applied();
    return { replies: replies.map(encodeReply), items };
  }

  rows(inquiry: Inquiry): { readonly rows: Uint8Array; readonly more: boolean } {
    const writer = new ByteWriter();
    const write = <Row>(found: readonly Row[], writeRow: (writer: ByteWriter, row: Row) => void) => {
      const page = found.slice(0, this.rowsMax);
      writer.varint(page.length);
      for (const row of page) writeRow(writer, row);
      return { rows: writer.finish(), more: page.length < found.length };
    };
    switch (inquiry.kind) {
      case "position":
        return write([], writeItem);
      case "item":
        return write(this.#item(inquiry.item), writeItem);
      case "items": {
        const { topic, q = "", after, limit } = inquiry;
        const filter = { ...(topic !== undefined && { topic }), after: itemId(after), limit: itemsMax };
        const found = listItems(this.#market, filter).filter(({ name }) => name.includes(q));
        return write(found.slice(0, limit), writeItem);
      }
      case "order":
        return write(this.#orders.slice(inquiry.number, inquiry.number + 1), writeOrder);
      case "orders":
        return write(this.#list(inquiry), writeOrder);
    }
  }

  #item(item: string | number): ItemRow[] {
    const reference =
      typeof item === "number"
        ? ({ kind: "id", id: itemId(item) } as const)
        : ({ kind: "name", name: item } as const);
    const row = findItem(this.#market, reference);
    return row === undefined ? [] : [row];
  }

  #list({
    item,
    customer,
    reference,
    after,
    before,
    limit,
  }: Extract<Inquiry, { kind: "orders" }>): OrderRow[] {
    const id =
      item === undefined ? undefined : (lookUpItem(this.#market, { kind: "name", name: item })?.id ?? 0);
    return this.#orders
      .filter(
        (order) =>
          (id === undefined || order.lines.some((line) => line.id === id)) &&
          (customer === undefined || order.customer === customer) &&
          (reference === undefined || order.reference === reference) &&
          (after === undefined || order.number > after) &&
          (before === undefined || order.number < before),
      )
      .reverse()
      .slice(0, limit);
  }
}

export class FakeReplica {
  readonly #market: FakeMarket;
  readonly #cluster: string;
  readonly #connections = new Set<Connection>();
  #listener: Listener | undefined;
  #notice = { term: 0, leader: undefined as number | undefined, leading: false };
  /** Take submissions and questions and answer nothing. */
  silent = false;
  /** Apply submissions and answer nothing: the leader that dies with the entry committed. */
  mute = false;
  /** Answer what may be stale, and nothing else: cut off from the others, or being copied. */
  lags = false;
  /** Have no market yet, and refuse every question. */
  empty = false;
  /** Refuse everything so. */
  refusal: FailureCode | undefined;
  /** Whose replies are sent damaged. */
  spoils: (command: Command) => boolean = () => false;
  /** Grants leases, if it leads. */
  readonly leases = new FakeLeases();
  /** Submissions taken, whatever became of them. */
  submissions = 0;
  questions = 0;
  /** Of these, the ones that wanted a barrier. */
  barriers = 0;

  constructor(market: FakeMarket, cluster: string) {
    this.#market = market;
    this.#cluster = cluster;
  }

  async open(port = 0): Promise<number> {
    this.#listener = await Listener.open({ host: "127.0.0.1", port }, (connection) => {
      this.#connections.add(connection);
      return {
        frame: (kind, body) => {
          if (kind === helloFrame) {
            readHello(body, this.#cluster);
            this.#notify(connection);
          } else if (kind === serviceFrames.submit) {
            this.#submitted(connection, readSubmissions(body));
          } else if (kind === serviceFrames.ask) {
            this.#asked(connection, readQuestions(body));
          } else if (!this.silent) {
            this.leases.frame(connection, kind, body);
          }
        },
        closed: () => {
          this.#connections.delete(connection);
          this.leases.leave(connection);
        },
      };
    });
    return this.#listener.port;
  }

  /** Tell every front-end who leads. */
  lead(term: number, leader: number | undefined, leading: boolean): void {
    this.#notice = { term, leader, leading };
    this.leases.reign(leading ? term : undefined, this.#market.position);
    for (const connection of this.#connections) this.#notify(connection);
  }

  /** Let every connection go; new ones are taken. */
  disconnect(): void {
    for (const connection of this.#connections) connection.close();
  }

  async close(): Promise<void> {
    await this.#listener?.close();
  }

  #notify(connection: Connection): void {
    const { term, leader, leading } = this.#notice;
    const notice = { term: term as Term, leader: leader as ReplicaId | undefined, leading };
    connection.send(serviceFrames.leadership, (body) => writeLeadership(body, notice));
  }

  #submitted(connection: Connection, submissions: ReturnType<typeof readSubmissions>): void {
    this.submissions += submissions.length;
    if (this.silent) return;
    const code = this.refusal ?? (this.#notice.leading ? undefined : "not-leader");
    if (code !== undefined) {
      const results = submissions.map(({ ticket }): Result => ({ kind: "failed", ticket, code }));
      connection.send(serviceFrames.results, (body) => writeResults(body, results));
      return;
    }
    this.leases.append(
      submissions.map(({ command }) => this.#market.touched(decodeCommand(command))),
      () => this.#commit(connection, submissions),
    );
  }

  #commit(connection: Connection, submissions: ReturnType<typeof readSubmissions>): Committed {
    const { replies, items } = this.#market.submit(submissions.map(({ command }) => command));
    const committed = { position: this.#market.position, items };
    if (this.mute) return committed;
    const results = submissions.map(({ ticket, command }, i): Result => {
      const reply = replies[i] as Uint8Array;
      return {
        kind: "reply",
        ticket,
        reply: this.spoils(decodeCommand(command)) ? reply.subarray(1) : reply,
      };
    });
    connection.send(serviceFrames.results, (body) => writeResults(body, results));
    return committed;
  }

  #asked(connection: Connection, questions: ReturnType<typeof readQuestions>): void {
    this.questions += questions.length;
    this.barriers += questions.filter(({ freshness }) => freshness.kind === "latest").length;
    if (this.silent) return;
    const answered = this.lags ? questions.filter(({ freshness }) => freshness.kind === "stale") : questions;
    const answers = answered.map(({ ticket, freshness, inquiry }): Answered => {
      if (this.empty) return { kind: "failed", ticket, code: "unavailable" };
      if (freshness.kind === "latest" && !this.#notice.leading)
        return { kind: "failed", ticket, code: "not-leader" };
      if (freshness.kind === "at-least" && freshness.position > this.#market.position)
        return { kind: "failed", ticket, code: "unavailable" };
      return { kind: "rows", ticket, position: this.#market.position, ...this.#market.rows(inquiry) };
    });
    connection.send(serviceFrames.answers, (body) => writeAnswers(body, answers));
  }
}
