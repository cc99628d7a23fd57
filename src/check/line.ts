/** One line of a recorded history: the edge at which text becomes an operation, or a reason why it is none. */
import type { HistoryHeader, InitialItem, Operation } from "./history.ts";

export type Line =
  | { readonly kind: "operation"; readonly operation: Operation }
  | { readonly kind: "header"; readonly header: HistoryHeader }
  | { readonly kind: "bad"; readonly reason: string };

type Fields = { readonly [name: string]: unknown };

function bad(reason: string): Line {
  return { kind: "bad", reason };
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Times above 2^53 are allowed: they are rounded, never reordered. */
function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

const absent = (value: unknown): boolean => value === undefined || value === null;

const wholeFields = ["position", "number", "quantity"] as const;
const textFields = ["item", "key", "reason"] as const;
const valueFields = ["quantity", "volume", "priceMinor"] as const;

/** What is wrong with the fields that every operation has, or `undefined`. */
function commonFault(line: Fields): string | undefined {
  if (!isWhole(line.client)) return `"client" must be a whole number`;
  if (!isWhole(line.start)) return `"start" must be a whole number of nanoseconds`;
  if (line.end !== null && !isWhole(line.end)) return `"end" must be a whole number of nanoseconds, or null`;
  if (line.end !== null && (line.end as number) < line.start) return `"end" is before "start"`;
  if (line.status !== null && !isWhole(line.status)) return `"status" must be a whole number or null`;
  if (line.status !== null && line.end === null) return `a "status" without an "end"`;
  for (const name of wholeFields) {
    if (!absent(line[name]) && !isWhole(line[name])) return `"${name}" must be a whole number`;
  }
  for (const name of textFields) {
    if (!absent(line[name]) && typeof line[name] !== "string") return `"${name}" must be a string`;
  }
  if (!absent(line.side) && line.side !== "buy" && line.side !== "sell") return `"side" must be buy or sell`;
  return undefined;
}

function valueFault(value: unknown): string | undefined {
  if (absent(value)) return undefined;
  if (!isObject(value)) return `"value" must be an object`;
  for (const name of valueFields) {
    if (!absent(value[name]) && !Number.isSafeInteger(value[name]))
      return `"value.${name}" must be a whole number`;
  }
  return undefined;
}

function rowsFault({ op, rows }: Fields): string | undefined {
  if (absent(rows)) return undefined;
  if (op !== "list") return `only a list has "rows"`;
  if (!Array.isArray(rows)) return `"rows" must be a list`;
  for (const row of rows as readonly unknown[]) {
    if (!isObject(row) || typeof row.item !== "string") return `"rows" needs each row's "item"`;
    for (const name of valueFields) {
      if (row[name] !== undefined && !Number.isSafeInteger(row[name])) {
        return `"rows": "${name}" must be a whole number`;
      }
    }
  }
  return undefined;
}

/** What this kind of operation lacks. */
function kindFault(line: Fields, positions: boolean): string | undefined {
  const answered = line.status === 200;
  const unplaced = positions && answered && absent(line.position);
  switch (line.op) {
    case "order":
      if (absent(line.item)) return `an order needs its "item"`;
      if (absent(line.side)) return `an order needs its "side"`;
      if (!isWhole(line.quantity) || line.quantity < 1) return `an order needs its "quantity", from 1`;
      if (answered && absent(line.number)) return `an order that was placed needs its "number"`;
      if (unplaced) return `an order that was placed needs its "position"`;
      return undefined;
    case "read":
      if (absent(line.item)) return `a read needs its "item"`;
      if (unplaced) return `a read that was answered needs its "position"`;
      return undefined;
    case "query":
      return absent(line.number) ? `a query needs the "number" that it asked for` : undefined;
    case "list":
      if (absent(line.rows)) return undefined;
      return unplaced ? `a list with "rows" needs its "position"` : undefined;
    default:
      return `"op" must be order, read, query or list`;
  }
}

function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** Copying costs: only a line that has nulls where an absence is meant is rebuilt. */
function operationOf(line: Fields): Operation {
  const value = line.value;
  const nulls =
    textFields.some((name) => line[name] === null) ||
    wholeFields.some((name) => line[name] === null) ||
    line.side === null ||
    line.rows === null ||
    value === null ||
    (isObject(value) && valueFields.some((name) => value[name] === null));
  if (!nulls) return line as unknown as Operation;
  const rebuilt = { ...withoutNulls(line), end: line.end, status: line.status };
  return (isObject(value) ? { ...rebuilt, value: withoutNulls(value) } : rebuilt) as unknown as Operation;
}

function initialFault(value: unknown): string | undefined {
  if (!isObject(value) || typeof value.item !== "string") return `"initial" needs each item's "item"`;
  if (!isWhole(value.quantity) || !isWhole(value.volume))
    return `"initial" needs each item's "quantity" and "volume"`;
  if (value.priceMinor !== undefined && !isWhole(value.priceMinor))
    return `"initial": "priceMinor" must be a whole number`;
  return undefined;
}

function headerOf(line: Fields): Line {
  if (typeof line.complete !== "boolean") return bad(`"complete" must be true or false`);
  if (!absent(line.positions) && typeof line.positions !== "boolean")
    return bad(`"positions" must be true or false`);
  const header = { complete: line.complete, ...(line.positions === false && { positions: false as const }) };
  if (line.initial === undefined) return { kind: "header", header };
  if (!Array.isArray(line.initial)) return bad(`"initial" must be a list`);
  for (const item of line.initial as readonly unknown[]) {
    const fault = initialFault(item);
    if (fault !== undefined) return bad(fault);
  }
  return { kind: "header", header: { ...header, initial: line.initial as InitialItem[] } };
}

/** `positions`: whether the header has not said that there are none. */
export function parseLine(text: string, positions = true): Line {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return bad("not JSON");
  }
  if (!isObject(line)) return bad("not an object");
  if ("complete" in line) return headerOf(line);
  const fault = commonFault(line) ?? valueFault(line.value) ?? rowsFault(line) ?? kindFault(line, positions);
  return fault === undefined ? { kind: "operation", operation: operationOf(line) } : bad(fault);
}
