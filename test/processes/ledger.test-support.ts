/**
 * What a client was told, kept to be asked for again: every acknowledged order with its facts. Orders go out under keys,
 * so that one whose outcome is unknown can be learnt; each purchase is followed by a sale of the same units, so that stock
 * never runs out.
 */
import assert from "node:assert/strict";
import { present } from "../../src/base/assert.ts";
import { type Answer, call } from "./http.test-support.ts";
import { eventually, type Market } from "./market.test-support.ts";

interface OrderBody {
  readonly lines: readonly { readonly id: number; readonly quantity: number }[];
  readonly type: "buy" | "sell";
  readonly reference: string;
}

type Facts = Readonly<Record<string, unknown>>;

const ordersPerBatch = 1_000;
const itemCount = 10;
const pageOrders = 1_000;
/** A reference may have so many characters: a wide order takes about a kilobyte wherever it lies. */
const referenceCharacters = 128;
const retriedWithinMs = 60_000;

function orderBody(count: number, wide: boolean): OrderBody {
  const first = (count >> 1) % itemCount;
  const lines = Array.from({ length: wide ? itemCount : 1 }, (_, i) => {
    return { id: ((first + i) % itemCount) + 1, quantity: 1 };
  });
  const reference = `order ${count}`.padEnd(wide ? referenceCharacters : 0, ".");
  return { lines, type: count % 2 === 0 ? "buy" : "sell", reference };
}

export class Ledger {
  readonly #market: Market;
  /** Acknowledged orders, by number, as they were acknowledged. */
  readonly #acknowledged = new Map<number, Facts>();
  /** Orders that may have been carried out, by key. */
  readonly #unknown = new Map<string, OrderBody>();
  #orders = 0;
  #keys = 0;

  constructor(market: Market) {
    this.#market = market;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Place so many orders in batches, as a client does that retries under the same key; all are acknowledged. */
  async place(count: number, { wide = false }: { readonly wide?: boolean } = {}): Promise<void> {
    for (let left = count; left > 0; left -= ordersPerBatch) {
      const orders = Array.from({ length: Math.min(left, ordersPerBatch) }, () => this.#next(wide));
      const key = this.#nextKey();
      const body = await eventually(
        "a batch to be answered",
        () => acknowledged(`${this.#market.url}/orders/batch`, { orders }, key),
        retriedWithinMs,
      );
      const { data } = JSON.parse(body) as { data: readonly { data?: Facts; error?: unknown }[] };
      assert.equal(data.length, orders.length);
      for (const one of data) this.#remember(one.data, one.error);
    }
  }

  /** One order, once, whatever comes of it. */
  async attempt({ wide = false }: { readonly wide?: boolean } = {}): Promise<Answer> {
    const order = this.#next(wide);
    const key = this.#nextKey();
    const answer = await call(`${this.#market.url}/orders`, { body: order, key });
    if (answer.status === 200) this.#remember((JSON.parse(answer.body) as { data: Facts }).data);
    else if (answer.status === 504) this.#unknown.set(key, order);
    return answer;
  }

  /**
   * Learn what became of the orders whose outcome is unknown, by sending them again, and then see that every acknowledged
   * order is there with its facts, and no other.
   */
  async verify(): Promise<void> {
    for (const [key, order] of this.#unknown) {
      const sent = (): Promise<string | undefined> => acknowledged(`${this.#market.url}/orders`, order, key);
      const body = await eventually("an order to be answered", sent, retriedWithinMs);
      this.#remember((JSON.parse(body) as { data: Facts }).data);
    }
    this.#unknown.clear();
    let missing = this.#acknowledged.size;
    for (let before: number | undefined; ; ) {
      const page = await this.#page(before);
      for (const { number, ...facts } of page) {
        assert.deepEqual(facts, this.#acknowledged.get(Number(number)), `order ${String(number)}`);
        missing--;
      }
      const last = page.at(-1);
      if (last === undefined) break;
      before = Number(last.number);
    }
    assert.equal(missing, 0, "acknowledged orders that are not there");
  }

  async #page(before: number | undefined): Promise<readonly Facts[]> {
    const behind = before === undefined ? "" : `&before=${before}`;
    const { status, body } = await call(`${this.#market.url}/orders?limit=${pageOrders}${behind}`);
    assert.equal(status, 200, body);
    return (JSON.parse(body) as { data: readonly Facts[] }).data;
  }

  #next(wide: boolean): OrderBody {
    return orderBody(this.#orders++, wide);
  }

  #nextKey(): string {
    return `ledger-${this.#keys++}`;
  }

  #remember(data: Facts | undefined, error?: unknown): void {
    assert.equal(error, undefined, `an order was refused: ${JSON.stringify(error)}`);
    const {
      order_number: number,
      transaction_number: _,
      name,
      quantity,
      price,
      ...facts
    } = present(data, "an order");
    assert.ok(!this.#acknowledged.has(Number(number)), `order ${String(number)} was made twice`);
    this.#acknowledged.set(Number(number), facts);
  }
}

/** The body of the answer if it is one; `undefined` if the same is to be sent again, under the same key. */
async function acknowledged(url: string, body: unknown, key: string): Promise<string | undefined> {
  const answer = await call(url, { body, key });
  if (answer.status === 503 || answer.status === 504) return undefined;
  assert.equal(answer.status, 200, answer.body);
  return answer.body;
}
