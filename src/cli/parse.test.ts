import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandFailure } from "./exit.ts";
import type { VerbSpec } from "./flags.ts";
import { editDistance, nearest } from "./nearest.ts";
import { helpText, parseCommandLine } from "./parse.ts";
import { type Verb, verbs } from "./verbs.ts";

function refusal(...words: string[]): string {
  try {
    parseCommandLine(words);
  } catch (error) {
    assert.ok(error instanceof CommandFailure);
    assert.equal(error.exitCode, 2);
    return [error.message, ...error.advice].join("\n");
  }
  return assert.fail(`${words.join(" ")} was accepted`);
}

test("flags are parsed to their kinds, and what is left out has its default", () => {
  const parsed = parseCommandLine(["up", "--port", "9000", "--market=toys"]);
  assert.ok(parsed.kind === "run");
  assert.deepEqual(parsed.flags, {
    market: "toys",
    port: 9_000,
    host: "127.0.0.1",
    orders: undefined,
    data: "data",
  });
});

test("operands and switches may stand in any order", () => {
  const parsed = parseCommandLine(["kill", "--stay-down", "order-3", "--data", "x"]);
  assert.ok(parsed.kind === "run");
  assert.deepEqual(parsed.operands, ["order-3"]);
  assert.deepEqual(parsed.flags, { "stay-down": true, data: "x" });
});

test("a value that is missing, empty, out of range, or given twice is refused", () => {
  assert.match(refusal("up", "--port"), /--port needs a value/);
  assert.match(refusal("up", "--port", "--host", "x"), /--port needs a value/);
  assert.match(refusal("up", "--data="), /--data must not be empty/);
  assert.match(refusal("up", "--port", "1.5"), /whole number/);
  assert.match(refusal("up", "--port", "-1"), /from 0 to 65535/);
  assert.match(refusal("shop", "--p", "2"), /from 0 to 1/);
  assert.match(refusal("up", "--port", "1", "--port", "2"), /given twice/);
  assert.match(refusal("status", "--json=yes"), /takes no value/);
});

test("a misspelt verb, flag or choice is told what was most likely meant", () => {
  assert.match(refusal("strat"), /Did you mean `start`\?/);
  assert.match(refusal("up", "--ordres", "1"), /Did you mean --orders\?/);
  assert.match(refusal("shop", "--sides", "byu"), /Did you mean --sides buy\?/);
  assert.doesNotMatch(refusal("zzzzzz"), /Did you mean/);
});

test("names that every object has are neither verbs nor flags", () => {
  assert.match(refusal("constructor"), /no verb/);
  assert.match(refusal("up", "--constructor"), /no flag/);
});

test("help names every verb but the internal ones, and every flag of a verb", () => {
  const overview = helpText(undefined);
  for (const [name, spec] of Object.entries<VerbSpec>(verbs)) {
    assert.equal(overview.includes(`\n  ${name} `), spec.internal !== true, name);
    const help = helpText(name as Verb);
    for (const flag of Object.keys(spec.flags)) assert.ok(help.includes(`--${flag}`), `${name} --${flag}`);
  }
  assert.deepEqual(parseCommandLine(["up", "--help"]), { kind: "help", verb: "up" });
  assert.deepEqual(parseCommandLine([]), { kind: "help", verb: undefined });
});

test("the distance of words counts a swap of neighbours as one slip", () => {
  assert.equal(editDistance("status", "status"), 0);
  assert.equal(editDistance("statsu", "status"), 1);
  assert.equal(editDistance("", "up"), 2);
  assert.equal(nearest("wacth", ["watch", "check"]), "watch");
});
