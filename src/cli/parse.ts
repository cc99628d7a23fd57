/** From the words of a command line to a verb, its checked flags and its operands; or to help; or to a refusal. */
import { parseArgs } from "node:util";
import { unreachable } from "../base/assert.ts";
import { usageFailure } from "./exit.ts";
import type { FlagSpec, FlagValue, VerbSpec } from "./flags.ts";
import { nearest } from "./nearest.ts";
import { type Verb, verbs } from "./verbs.ts";

export type Parsed =
  | { readonly kind: "help"; readonly verb: Verb | undefined }
  | { readonly kind: "version" }
  | {
      readonly kind: "run";
      readonly verb: Verb;
      readonly flags: Readonly<Record<string, FlagValue>>;
      readonly operands: readonly string[];
    };

const shown = (word: string): string => JSON.stringify(word.slice(0, 80));

function isVerb(word: string): word is Verb {
  return Object.hasOwn(verbs, word);
}

function parseNumber(
  flag: string,
  spec: Extract<FlagSpec, { kind: "integer" | "number" }>,
  text: string,
): number {
  const mayBeOff = spec.kind === "integer" && spec.off === true;
  if (mayBeOff && text === "off") return 0;
  const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const whole = spec.kind === "number" || Number.isSafeInteger(value);
  if (Number.isNaN(value) || !whole || value < spec.min || value > spec.max) {
    const kind = spec.kind === "integer" ? "a whole number" : "a number";
    const range = spec.min === spec.max ? `${spec.min}` : `${kind} from ${spec.min} to ${spec.max}`;
    throw usageFailure(`--${flag} must be ${range}${mayBeOff ? ", or off" : ""}, not ${shown(text)}.`);
  }
  return value;
}

function parseValue(flag: string, spec: FlagSpec, text: string | undefined): FlagValue {
  if (text === undefined) return "default" in spec ? spec.default : undefined;
  switch (spec.kind) {
    case "switch":
      throw usageFailure(`--${flag} takes no value.`);
    case "integer":
    case "number":
      return parseNumber(flag, spec, text);
    case "choice": {
      if (spec.choices.includes(text)) return text;
      const meant = nearest(text, spec.choices);
      throw usageFailure(
        `--${flag} must be one of ${spec.choices.join(", ")}, not ${shown(text)}.`,
        ...(meant === undefined ? [] : [`Did you mean --${flag} ${meant}?`]),
      );
    }
    case "text":
      if (text === "") throw usageFailure(`--${flag} must not be empty.`);
      return text;
    default:
      return unreachable(spec);
  }
}

function unknownFlag(verb: Verb, spec: VerbSpec, flag: string): Error {
  const names = Object.keys(spec.flags);
  const meant = nearest(flag, [...names, "help"]);
  const all = names.map((name) => `--${name}`).join(", ");
  return usageFailure(
    `${verb} has no flag --${flag.slice(0, 80)}.`,
    ...(meant === undefined ? [] : [`Did you mean --${meant}?`]),
    `It has ${all}; see \`${verb} --help\`.`,
  );
}

type Token = ReturnType<typeof tokensOf>[number];

function tokensOf(spec: VerbSpec, words: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(spec.flags).map(([name, flag]) => {
      return [name, { type: flag.kind === "switch" ? ("boolean" as const) : ("string" as const) }];
    }),
  );
  // Not strict, because its own messages know nothing of what would be right; every token is checked below instead.
  const args = [...words];
  return parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** One flag's text; `true` for a switch. */
function readFlag(spec: FlagSpec, token: Extract<Token, { kind: "option" }>): string | true {
  if (spec.kind === "switch") {
    if (token.value !== undefined) throw usageFailure(`--${token.name} takes no value.`);
    return true;
  }
  const isFlag = token.inlineValue === false && /^--?[a-z]/.test(token.value ?? "");
  if (token.value === undefined || isFlag)
    throw usageFailure(`--${token.name} needs a value: ${usageOf(token.name, spec)}.`);
  return token.value;
}

function parseVerb(verb: Verb, words: readonly string[]): Parsed {
  const spec: VerbSpec = verbs[verb];
  const given = new Map<string, string | true>();
  const operands: string[] = [];
  for (const token of tokensOf(spec, words)) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    if (token.name === "help" || token.rawName === "-h") return { kind: "help", verb };
    const flag = Object.hasOwn(spec.flags, token.name) ? spec.flags[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(verb, spec, token.name);
    if (given.has(token.name)) throw usageFailure(`--${token.name} is given twice.`);
    given.set(token.name, readFlag(flag, token));
  }
  checkOperands(verb, spec, operands);
  const flags: Record<string, FlagValue> = {};
  for (const [name, flag] of Object.entries(spec.flags)) {
    const text = given.get(name);
    flags[name] = flag.kind === "switch" ? text === true : parseValue(name, flag, text === true ? "" : text);
  }
  return { kind: "run", verb, flags, operands };
}

function checkOperands(verb: Verb, spec: VerbSpec, operands: readonly string[]): void {
  const missing = spec.operands[operands.length];
  const usage = `Usage: bazaar ${[verb, ...spec.operands].join(" ")}`;
  if (missing !== undefined && !missing.startsWith("["))
    throw usageFailure(`${verb} needs ${missing}.`, usage);
  const extra = operands[spec.operands.length];
  if (extra !== undefined) throw usageFailure(`${verb} does not take ${shown(extra)}.`, `${usage} [flags]`);
}

/** Throws `CommandFailure` with exit code 2. */
export function parseCommandLine(words: readonly string[]): Parsed {
  const [first, ...rest] = words;
  if (first === undefined || first === "--help" || first === "-h") return { kind: "help", verb: undefined };
  if (first === "--version" || first === "-v") return { kind: "version" };
  if (first === "help") {
    const [verb] = rest;
    return { kind: "help", verb: verb !== undefined && isVerb(verb) ? verb : undefined };
  }
  if (isVerb(first)) return parseVerb(first, rest);
  const meant = nearest(first, publicVerbs());
  throw usageFailure(
    `There is no verb ${shown(first)}.`,
    ...(meant === undefined ? [] : [`Did you mean \`${meant}\`?`]),
    `The verbs are ${publicVerbs().join(", ")}; see --help.`,
  );
}

function publicVerbs(): readonly Verb[] {
  const names = Object.keys(verbs) as Verb[];
  return names.filter((name) => (verbs[name] as VerbSpec).internal !== true);
}

function usageOf(name: string, flag: FlagSpec): string {
  if (flag.kind === "switch") return `--${name}`;
  return `--${name} ${flag.kind === "choice" ? flag.choices.join("|") : flag.value}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}

export function helpText(verb: Verb | undefined): string {
  if (verb === undefined) {
    const rows = publicVerbs().map((name): [string, string] => {
      return [[name, ...verbs[name].operands].join(" "), verbs[name].summary];
    });
    return `bazaar: an order-and-inventory service that never oversells.\n\nUsage: bazaar <verb> [flags]\n\n${columns(rows)}\nbazaar <verb> --help tells a verb's flags.\n`;
  }
  const spec: VerbSpec = verbs[verb];
  const rows = Object.entries(spec.flags).map(([name, flag]): [string, string] => {
    const byDefault = "default" in flag && flag.default !== undefined ? ` (default ${flag.default})` : "";
    return [usageOf(name, flag), flag.help + byDefault];
  });
  const notes = (spec.notes ?? []).map((note) => `\n${note}\n`).join("");
  return `bazaar ${[verb, ...spec.operands].join(" ")}: ${spec.summary}\n\n${columns(rows)}${notes}`;
}
