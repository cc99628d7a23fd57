/**
 * An order's lines as the JSON text of its column: what `JSON.stringify` gives, made faster. Building such a text and
 * making it flat for SQLite costs as much as anything else about an order, and most orders are of one line and say
 * what others said before, so those texts are kept.
 */
import type { OrderLine } from "../../market/rows.ts";

/** What is known of a name, as orders spell it, at its last price. */
interface Known {
  readonly id: number;
  readonly priceMinor: number;
  /** The name as JSON. */
  readonly quoted: string;
  /** Whole texts of one line, by quantity. */
  readonly texts: (string | undefined)[];
}

/** Bounds of what is kept, some megabytes in all. With more names than this it is cleared and begun again. */
const namesMax = 4_096;
const quantityMax = 16;

const known = new Map<string, Known>();

export function linesToText(lines: readonly OrderLine[]): string {
  const first = lines[0];
  if (lines.length === 1 && first !== undefined) return singleToText(first);
  let text = "[";
  for (const line of lines) {
    if (text.length > 1) text += ",";
    text += lineToText(line, know(line).quoted);
  }
  return `${text}]`;
}

function singleToText(line: OrderLine): string {
  const { texts, quoted } = know(line);
  if (line.quantity > quantityMax) return `[${lineToText(line, quoted)}]`;
  let text = texts[line.quantity];
  if (text === undefined) {
    text = `[${lineToText(line, quoted)}]`;
    texts[line.quantity] = text;
  }
  return text;
}

function lineToText({ id, quantity, priceMinor }: OrderLine, quoted: string): string {
  return `{"id":${id},"name":${quoted},"quantity":${quantity},"priceMinor":${priceMinor}}`;
}

function know({ id, name, priceMinor }: OrderLine): Known {
  let entry = known.get(name);
  if (entry === undefined || entry.id !== id || entry.priceMinor !== priceMinor) {
    if (known.size >= namesMax) known.clear();
    entry = { id, priceMinor, quoted: JSON.stringify(name), texts: [] };
    known.set(name, entry);
  }
  return entry;
}
