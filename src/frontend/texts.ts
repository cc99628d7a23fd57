/**
 * Texts at the edge: names, references, customers, titles, topics. They go inward in NFC and within the market's
 * rules; plain ASCII, which is nearly all of them, is checked in one pass over its characters.
 */
import { requestLimits } from "../base/limits.ts";
import { nameProblem, textProblem } from "../market/names.ts";
import { malformed, type Problem, shown } from "./problem.ts";

const longest = requestLimits.nameCodePoints;

/** Whether the text is 1 to 128 printable ASCII characters: no further rule can refuse it. */
function isPlain(text: string): boolean {
  const length = text.length;
  if (length === 0 || length > longest) return false;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** The text in NFC, or what is wrong with it. `field` names it in the message. */
export function readText(field: string, value: unknown): string | Problem {
  if (typeof value !== "string")
    return malformed(`${field} must be a text of 1 to ${longest} characters; got ${shown(value)}`);
  if (isPlain(value)) return value;
  // A text that is far too long is not normalised first: that costs what the sender likes.
  const text = value.length <= longest * 8 && value.isWellFormed() ? value.normalize("NFC") : value;
  const wrong = text.length > longest * 8 ? `is longer than ${longest} code points` : textProblem(text);
  if (wrong === undefined) return text;
  return malformed(`${field} ${wrong}; it must be a text of 1 to ${longest} characters`);
}

/** An item's new name: a text that is not all digits. */
export function readItemName(field: string, value: unknown): string | Problem {
  const text = readText(field, value);
  if (typeof text !== "string") return text;
  const wrong = nameProblem(text);
  return wrong === undefined ? text : malformed(`${field} ${wrong}; choose a name with another character`);
}
