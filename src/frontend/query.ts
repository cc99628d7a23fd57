/**
 * Query strings and path segments, strictly: every parameter known, none twice, every escape well formed. What a
 * sender wrote wrongly is told, not guessed at.
 */
import { requestLimits } from "../base/limits.ts";
import { type Position, position } from "../base/units.ts";
import { malformed, nothingKnown, notReached, type Problem, shown, unread } from "./problem.ts";

/** Decoded parameters by name. */
export type Parameters = ReadonlyMap<string, string>;

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a malformed %-escape, or one that is no UTF-8
  }
}

/** `text` is what stands behind the question mark. */
export function readQuery(text: string, known: readonly string[]): Parameters | Problem {
  const parameters = new Map<string, string>();
  if (text === "") return parameters;
  for (const part of text.split("&")) {
    const split = part.indexOf("=");
    const name = unescaped(split === -1 ? part : part.slice(0, split));
    const value = unescaped((split === -1 ? "" : part.slice(split + 1)).replaceAll("+", "%20"));
    if (name === undefined || value === undefined)
      return malformed(
        `the query string has a malformed %-escape in ${shown(part)}; escape a percent sign as %25`,
      );
    if (!known.includes(name)) {
      const list = known.length === 0 ? "this call takes none" : `known: ${known.join(", ")}`;
      return malformed(`${shown(name)} is not a query parameter of this call; leave it out (${list})`);
    }
    if (parameters.has(name)) return malformed(`the query parameter ${name} is given twice; give it once`);
    parameters.set(name, value);
  }
  return parameters;
}

/** A path's last part, decoded; undefined if it has a malformed escape. */
export function readSegment(text: string): string | Problem {
  const segment = text.includes("%") ? unescaped(text) : text;
  return (
    segment ?? malformed(`the path has a malformed %-escape in ${shown(text)}; escape a percent sign as %25`)
  );
}

/** A whole number parameter, or undefined if it is not given. */
export function readNumber(
  parameters: Parameters,
  name: string,
  low: number,
  high: number,
): number | undefined | Problem {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= low && value <= high) return value;
  return malformed(`${name} must be a whole number from ${low} to ${high}; got ${shown(text)}`);
}

export function readLimit(parameters: Parameters): number | Problem {
  return readNumber(parameters, "limit", 1, requestLimits.pageMax) ?? requestLimits.pageDefault;
}

/** What a read may say of how fresh its answer must be. */
export interface Consistency {
  readonly stale: boolean;
  readonly atLeast: Position | undefined;
}

export const consistencyParameters = ["consistency", "atLeast"] as const;
export const linearizable: Consistency = { stale: false, atLeast: undefined };

export function readConsistency(parameters: Parameters): Consistency | Problem {
  const wanted = parameters.get("consistency");
  if (wanted !== undefined && wanted !== "stale")
    return malformed(
      `consistency can only be "stale"; got ${shown(wanted)}; leave it out for a linearizable read`,
    );
  const atLeast = readNumber(parameters, "atLeast", 0, Number.MAX_SAFE_INTEGER);
  if (typeof atLeast === "object") return atLeast;
  return { stale: wanted === "stale", atLeast: atLeast === undefined ? undefined : position(atLeast) };
}

/** The same from the query string of a call that takes nothing else. */
export function readConsistencyQuery(query: string): Consistency | Problem {
  const parameters = readQuery(query, consistencyParameters);
  return "status" in parameters ? parameters : readConsistency(parameters);
}

/** What a reader is told when nobody could answer it in time. */
export function unanswered({ stale, atLeast }: Consistency): Problem {
  if (atLeast !== undefined) return notReached(atLeast);
  return stale ? nothingKnown : unread;
}

/** How a path names a number: an item's or an order's. */
export const allDigits = /^[0-9]+$/;

const cursorPattern = /^i[0-9]{1,9}$/;

/** Where the next page of items begins; opaque to clients. */
export function writeCursor(afterId: number): string {
  return Buffer.from(`i${afterId}`).toString("base64url");
}

export function readCursor(text: string): number | Problem {
  const plain = Buffer.from(text, "base64url").toString("latin1");
  if (cursorPattern.test(plain) && writeCursor(Number(plain.slice(1))) === text)
    return Number(plain.slice(1));
  return malformed(`after must be the next of an earlier page, as it was given; got ${shown(text)}`);
}
