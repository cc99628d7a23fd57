/** Clients of the published protocol that write down what they asked and were told, as a history for the checkers. */
import type { HistoryHeader, Operation } from "../../check/history.ts";
import type { Answer } from "../http.ts";
import type { Wish } from "../messages.ts";
import type { CourseWorld } from "./world.ts";

type Asked = Pick<Operation, "op" | "item" | "side" | "quantity" | "number">;

/** The clock of a scenario counts its events; a history wants nanoseconds, so they are a microsecond apart. */
const nanosecondsPerEvent = 1_000;

interface ItemBody {
  readonly quantity: number;
  readonly volume: number;
  readonly priceMinor: number;
}
interface OrderBody {
  readonly order_number?: number;
  readonly type: "buy" | "sell";
  readonly name: string;
  readonly quantity: number;
  readonly lines: readonly { readonly priceMinor: number }[];
}
interface Body {
  readonly data?: unknown;
  readonly error?: { readonly reason: string; readonly available?: number };
}

/** Positions are in none of its lines, because the protocol has none. */
export class Notebook {
  readonly #world: CourseWorld;
  readonly header: HistoryHeader;
  readonly #operations: Operation[] = [];
  #events = 0;

  constructor(world: CourseWorld, header: HistoryHeader) {
    this.#world = world;
    this.header = header;
  }

  /** In the order in which they ended. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** As a recording has it: JSON Lines. */
  get text(): string {
    return [this.header, ...this.#operations].map((line) => `${JSON.stringify(line)}\n`).join("");
  }

  async read(client: number, item: string): Promise<number | undefined> {
    const asked = { op: "read", item } as const;
    const { data } = await this.#note(client, asked, this.#world.frontEnd.item(item), (found) => {
      const { quantity, volume, priceMinor } = found as ItemBody;
      return { value: { quantity, volume, priceMinor } };
    });
    return (data as ItemBody | undefined)?.quantity;
  }

  /** The order's number; `undefined` if it was refused. */
  async order(client: number, wish: Wish): Promise<number | undefined> {
    const { name: item, side, quantity } = wish;
    const asked = { op: "order", item, side, quantity } as const;
    const { data } = await this.#note(client, asked, this.#world.frontEnd.order(wish), (placed) => {
      const { order_number: number, lines } = placed as OrderBody;
      return { ...(number !== undefined && { number }), value: priceOf(lines) };
    });
    return (data as OrderBody | undefined)?.order_number;
  }

  /** Whether it was found. */
  async query(client: number, number: number): Promise<boolean> {
    const asked = { op: "query", number } as const;
    const { data } = await this.#note(client, asked, this.#world.frontEnd.orderByNumber(number), (found) => {
      const { name: item, type: side, quantity, lines } = found as OrderBody;
      return { item, side, quantity, value: priceOf(lines) };
    });
    return data !== undefined;
  }

  async #note(
    client: number,
    asked: Asked,
    answering: Promise<Answer>,
    tell: (data: unknown) => Partial<Operation>,
  ): Promise<Body> {
    const start = ++this.#events * nanosecondsPerEvent;
    const { status, body: said } = await answering;
    const body = said as Body;
    const end = ++this.#events * nanosecondsPerEvent;
    const told = body.error === undefined ? tell(body.data) : refusalOf(body.error);
    this.#operations.push({ client, ...asked, start, end, status, ...told });
    return body;
  }
}

function priceOf(lines: OrderBody["lines"]): { readonly priceMinor?: number } {
  const [line] = lines;
  return line === undefined ? {} : { priceMinor: line.priceMinor };
}

function refusalOf({ reason, available }: NonNullable<Body["error"]>): Partial<Operation> {
  return { reason, ...(available !== undefined && { value: { quantity: available } }) };
}
