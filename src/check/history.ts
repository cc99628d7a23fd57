/**
 * A recorded history of operations, and the format in which any client can write one.
 *
 * The file is JSON Lines (UTF-8, one object a line). Each line is one operation that ended, or was given up:
 *
 *     {"client":3,"op":"order","start":1200,"end":5300,"item":"FishCo","side":"buy","quantity":2,"key":"9f…",
 *      "status":200,"position":123,"number":45,"value":{"priceMinor":1799}}
 *
 *   client    a whole number; one client's operations need not be sequential
 *   op        "order" places one line; "read" looks one item up; "query" asks for an order by number; "list" lists items
 *   start     nanoseconds (whole) of one monotonic clock, taken before the request was first sent
 *   end       the same clock, taken after the answer was received; null if none was (also: the outcome is unknown)
 *   status    the HTTP status of the final answer, null if there was none. An order with null or 5xx may or may not
 *             have happened, at any time after its start
 *   position  `Bazaar-Position`: an order's own, for a read the item's last change. Needed where status is 200 and op is
 *             "order" or "read"; null or absent elsewhere if there was none
 *   item      the item's name in its canonical spelling; of an order, a read, and a query that found
 *   side, quantity   of an order, and of a query that found
 *   key       an order's Idempotency-Key. Lines with the same key are the same order, asked for again; who records a
 *             retry records the first request too, be it without an answer
 *   number    the order's number: of an order with status 200, and of every query (the number asked for)
 *   value     of a read: {"quantity","volume","priceMinor"}; of an order or query: {"priceMinor"}, per unit; of an order
 *             refused for insufficient stock: {"quantity"}, what was available. Each field is optional
 *   reason    of a refusal
 *   rows      of a list: what it shows, [{"item","quantity","volume","priceMinor"},…], with the list's "position", that
 *             of the state which it shows. A list without them is only counted
 *
 * The first line may be a header, `{"complete":false}` or
 *
 *     {"complete":true,"initial":[{"item":"FishCo","quantity":100,"volume":0,"priceMinor":1799}]}
 *
 * *Complete* claims that nothing else changed the listed items since they were as `initial` says: no other client, no
 * restock, no new price. Then values are checked exactly. Without it, only what holds in any case is. Other fields of a
 * header are for people.
 *
 * A header with `"positions":false` says that the service tells none (course/). Then nothing needs one, and only the
 * search for a linearization judges.
 *
 * In memory a history is columns of numbers, about 100 bytes an operation, so that millions fit. There each row of a
 * list is a line of its own, behind that of its list: what holds of a read holds of it, but that its position is the
 * list's.
 */

export type OperationKind = "order" | "read" | "query" | "list";

/** One line of a history. */
export interface Operation {
  readonly client: number;
  readonly op: OperationKind;
  readonly start: number;
  readonly end: number | null;
  readonly status: number | null;
  readonly position?: number | null;
  readonly item?: string;
  readonly side?: "buy" | "sell";
  readonly quantity?: number;
  readonly key?: string;
  readonly number?: number;
  readonly value?: { readonly quantity?: number; readonly volume?: number; readonly priceMinor?: number };
  readonly reason?: string;
  readonly rows?: readonly ListedItem[];
}

export interface ListedItem {
  readonly item: string;
  readonly quantity?: number;
  readonly volume?: number;
  readonly priceMinor?: number;
}

export interface InitialItem {
  readonly item: string;
  readonly quantity: number;
  readonly volume: number;
  readonly priceMinor?: number;
}

export interface HistoryHeader {
  readonly complete: boolean;
  readonly initial?: readonly InitialItem[];
  readonly positions?: false;
}

const kinds = ["order", "read", "query", "list"] as const satisfies readonly OperationKind[];
export const kindCode = { order: 0, read: 1, query: 2, list: 3, row: 4 } as const satisfies Record<
  OperationKind | "row",
  number
>;
export const sideCode = { none: 0, buy: 1, sell: 2 } as const;

/** The `reason` of a refusal for want of stock. */
export const insufficientStock = "insufficient-stock";

/** Stands for "absent" in every column but `start` and `end`. */
export const none = -1;

/** A growing column of numbers. */
class Column {
  values = new Float64Array(1_024);

  set(index: number, value: number): void {
    if (index >= this.values.length) {
      const grown = new Float64Array(this.values.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[index] = value;
  }

  at(index: number): number {
    return this.values[index] as number;
  }
}

/** Strings as small numbers. */
class Names {
  readonly texts: string[] = [];
  readonly #codes = new Map<string, number>();

  code(text: string | undefined): number {
    if (text === undefined) return none;
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    this.#codes.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}

/** Append-only; operations and rows are named by their index. `end` is Infinity where there was none. */
export class History {
  header: HistoryHeader = { complete: false };
  /** Operations, and rows of lists. */
  size = 0;
  rows = 0;
  readonly items = new Names();
  readonly keys = new Names();
  readonly reasons = new Names();
  readonly client = new Column();
  readonly kind = new Column();
  readonly start = new Column();
  readonly end = new Column();
  readonly status = new Column();
  readonly position = new Column();
  readonly item = new Column();
  readonly side = new Column();
  readonly quantity = new Column();
  readonly key = new Column();
  readonly number = new Column();
  readonly valueQuantity = new Column();
  readonly valueVolume = new Column();
  readonly valuePrice = new Column();
  readonly reason = new Column();

  push(operation: Operation): void {
    this.#line(operation, kindCode[operation.op]);
    for (const { item, ...value } of operation.rows ?? []) {
      const { client, op, start, end, status, position } = operation;
      this.rows++;
      this.#line({ client, op, start, end, status, position: position ?? null, item, value }, kindCode.row);
    }
  }

  #line(operation: Operation, kind: number): void {
    const i = this.size++;
    const { value } = operation;
    this.client.set(i, operation.client);
    this.kind.set(i, kind);
    this.start.set(i, operation.start);
    this.end.set(i, operation.end ?? Number.POSITIVE_INFINITY);
    this.status.set(i, operation.status ?? none);
    this.position.set(i, operation.position ?? none);
    this.item.set(i, this.items.code(operation.item));
    this.side.set(i, sideCode[operation.side ?? "none"]);
    this.quantity.set(i, operation.quantity ?? none);
    this.key.set(i, this.keys.code(operation.key));
    this.number.set(i, operation.number ?? none);
    // A value may be negative, which is a violation and no absence: absence is NaN.
    this.valueQuantity.set(i, value?.quantity ?? Number.NaN);
    this.valueVolume.set(i, value?.volume ?? Number.NaN);
    this.valuePrice.set(i, value?.priceMinor ?? Number.NaN);
    this.reason.set(i, this.reasons.code(operation.reason));
  }

  /** The operation as it was written, for a person; of a row, the list as far as this item goes. */
  operation(i: number): Operation {
    const end = this.end.at(i);
    const value = {
      ...number("quantity", this.valueQuantity.at(i)),
      ...number("volume", this.valueVolume.at(i)),
      ...number("priceMinor", this.valuePrice.at(i)),
    };
    const side = this.side.at(i);
    return {
      client: this.client.at(i),
      op: kinds[this.kind.at(i)] ?? "list",
      start: this.start.at(i),
      end: end === Number.POSITIVE_INFINITY ? null : end,
      ...text("item", this.items.texts[this.item.at(i)]),
      ...(side === sideCode.none ? {} : { side: side === sideCode.buy ? "buy" : "sell" }),
      ...whole("quantity", this.quantity.at(i)),
      ...text("key", this.keys.texts[this.key.at(i)]),
      status: this.status.at(i) === none ? null : this.status.at(i),
      position: this.position.at(i) === none ? null : this.position.at(i),
      ...whole("number", this.number.at(i)),
      ...(Object.keys(value).length === 0 ? {} : { value }),
      ...text("reason", this.reasons.texts[this.reason.at(i)]),
    };
  }
}

function whole(name: string, value: number): Record<string, number> {
  return value === none ? {} : { [name]: value };
}

/** Of a value, which may be negative: absent is NaN. */
function number(name: string, value: number): Record<string, number> {
  return Number.isNaN(value) ? {} : { [name]: value };
}

function text(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

/** The operations as they were written, rows with their lists. */
export function operationsOf(history: History): Operation[] {
  const operations: Operation[] = [];
  let rows: ListedItem[] | undefined;
  for (let i = 0; i < history.size; i++) {
    const operation = history.operation(i);
    if (history.kind.at(i) !== kindCode.row) {
      rows = undefined;
      operations.push(operation);
      continue;
    }
    const { item = "", value } = operation;
    if (rows === undefined) {
      rows = [];
      operations[operations.length - 1] = { ...(operations.at(-1) as Operation), rows };
    }
    rows.push({ item, ...value });
  }
  return operations;
}

export function historyOf(operations: Iterable<Operation>, header?: HistoryHeader): History {
  const history = new History();
  if (header !== undefined) history.header = header;
  for (const operation of operations) history.push(operation);
  return history;
}
