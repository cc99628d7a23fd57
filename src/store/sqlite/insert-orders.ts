/**
 * Orders into their table, fifty in a statement.
 *
 * What an insert costs is mostly its bound values, a tenth of a microsecond each, and its start. So a column in which
 * all fifty rows say the same is written into the statement instead: a market that sells one item an order with no
 * customer named binds five values of ten. Of the statements that this makes, at most 108, few are ever needed.
 */
import type Database from "better-sqlite3";
import type { OrderRow } from "../../market/rows.ts";
import { linesToText } from "./lines-text.ts";

export interface OrderInsert {
  /** Numbers ascend. */
  add(order: OrderRow): void;
  /** Write what is left. */
  end(): void;
}

const rowsPerStatement = 50;

/** Columns that are either the same word in all rows of a statement, or bound. */
interface Shape {
  readonly side: OrderRow["side"] | undefined;
  readonly status: OrderRow["status"] | undefined;
  readonly shape: OrderRow["shape"] | undefined;
  /** False: null in all of them. */
  readonly reference: boolean;
  readonly customer: boolean;
}

type Run = (values: readonly unknown[]) => void;

export function prepareOrderInsert(database: Database.Database): OrderInsert {
  const statements = new Map<number, Run>();
  const rows: OrderRow[] = [];
  const values: unknown[] = [];
  const write = (from: number, to: number): void => {
    const shape = shapeOf(rows, from, to);
    const key = keyOf(shape) * 2 + (to - from === 1 ? 0 : 1);
    let run = statements.get(key);
    if (run === undefined) {
      const row = rowText(shape);
      const text = `INSERT INTO orders VALUES ${Array(to - from)
        .fill(row)
        .join(",")}`;
      const statement = database.prepare(text);
      run = (bound) => statement.run(bound);
      statements.set(key, run);
    }
    let length = 0;
    for (let i = from; i < to; i++) length = put(values, length, rows[i] as OrderRow, shape);
    values.length = length;
    run(values);
  };
  return {
    add(order) {
      rows.push(order);
      if (rows.length < rowsPerStatement) return;
      write(0, rowsPerStatement);
      rows.length = 0;
    },
    end() {
      for (let i = 0; i < rows.length; i++) write(i, i + 1);
      rows.length = 0;
    },
  };
}

function shapeOf(rows: readonly OrderRow[], from: number, to: number): Shape {
  const first = rows[from] as OrderRow;
  let side: Shape["side"] = first.side;
  let status: Shape["status"] = first.status;
  let shape: Shape["shape"] = first.shape;
  let reference = false;
  let customer = false;
  for (let i = from; i < to; i++) {
    const row = rows[i] as OrderRow;
    if (row.side !== side) side = undefined;
    if (row.status !== status) status = undefined;
    if (row.shape !== shape) shape = undefined;
    reference ||= row.reference !== undefined;
    customer ||= row.customer !== undefined;
  }
  return { side, status, shape, reference, customer };
}

function keyOf({ side, status, shape, reference, customer }: Shape): number {
  const sides = side === undefined ? 0 : side === "buy" ? 1 : 2;
  const statuses = status === undefined ? 0 : status === "filled" ? 1 : 2;
  const shapes = shape === undefined ? 0 : shape === "single" ? 1 : 2;
  return ((sides * 3 + statuses) * 3 + shapes) * 4 + (reference ? 2 : 0) + (customer ? 1 : 0);
}

/** A row of the statement; the order of the columns is the table's, and that of `put`. */
function rowText({ side, status, shape, reference, customer }: Shape): string {
  const word = (same: string | undefined, bound: string): string =>
    same === undefined ? bound : `'${same}'`;
  return `(${[
    "?",
    "?",
    // A small number is cheaper to bind than a word.
    word(side, "iif(?, 'sell', 'buy')"),
    word(status, "iif(?, 'cancelled', 'filled')"),
    word(shape, "iif(?, 'lines', 'single')"),
    "?",
    "?",
    reference ? "?" : "NULL",
    customer ? "?" : "NULL",
    "?",
  ].join(",")})`;
}

function put(values: unknown[], at: number, row: OrderRow, shape: Shape): number {
  let next = at;
  values[next++] = row.number;
  values[next++] = row.position;
  if (shape.side === undefined) values[next++] = row.side === "sell" ? 1 : 0;
  if (shape.status === undefined) values[next++] = row.status === "cancelled" ? 1 : 0;
  if (shape.shape === undefined) values[next++] = row.shape === "lines" ? 1 : 0;
  values[next++] = linesToText(row.lines);
  values[next++] = row.totalMinor;
  if (shape.reference) values[next++] = row.reference ?? null;
  if (shape.customer) values[next++] = row.customer ?? null;
  values[next++] = row.at;
  return next;
}
