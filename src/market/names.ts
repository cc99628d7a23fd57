/**
 * What a name may be, and when two names are the same. Only A–Z are folded: a rule that every language can state in
 * one line and that no later Unicode version changes, because the log is replayed for years.
 */
import { requestLimits } from "../base/limits.ts";

const upperCase = /[A-Z]/g;

/** The form under which a name is found. The input is NFC already. */
export function foldName(name: string): string {
  return name.replace(upperCase, (letter) => letter.toLowerCase());
}

/** What is wrong with a text that people see (a title, a topic, a reference, a customer), in words. */
export function textProblem(text: string): string | undefined {
  if (text.length === 0) return "is empty";
  if (!text.isWellFormed()) return "has half of a surrogate pair";
  if (text !== text.normalize("NFC")) return "is not in Unicode normal form C";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return "has a control character";
  }
  if (tooManyCodePoints(text)) return `is longer than ${requestLimits.nameCodePoints} code points`;
  return undefined;
}

/**
 * What is wrong with `name` as an item's name, in words. Slashes are allowed (a URL spells them `%2F`); all digits
 * are not, because a number in that place is an item's id.
 */
export function nameProblem(name: string): string | undefined {
  const problem = textProblem(name);
  if (problem !== undefined) return problem;
  if (/^[0-9]+$/.test(name)) return "is all digits, which would be an item's id";
  return undefined;
}

/** Whether a text is beyond the bound of names; counts only where the number of code units leaves a doubt. */
export function tooManyCodePoints(text: string): boolean {
  if (text.length <= requestLimits.nameCodePoints) return false;
  if (text.length > 2 * requestLimits.nameCodePoints) return true;
  let points = 0;
  for (const _ of text) points++;
  return points > requestLimits.nameCodePoints;
}
