import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultSegmentBytes } from "../log/embedded/wal/segments.ts";
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
    log: "embedded",
    frontends: 1,
    catalogs: 2,
    cache: 64,
    "log-keep": 256,
    "log-segment": 64,
    data: "data",
  });
});

test("a cache may be off, and sizes of the log may be fractions of a mebibyte", () => {
  const parsed = parseCommandLine(["up", "--cache", "off", "--log-keep", "0.5", "--log-segment=0.0625"]);
  assert.ok(parsed.kind === "run");
  const { cache, "log-keep": kept, "log-segment": segment } = parsed.flags;
  assert.deepEqual([cache, kept, segment], [0, 0.5, 0.0625]);
  assert.match(helpText("up"), /--cache N\|off .* \(default 64\)/);
});

test("a segment of the log is as large as the log would have it, unless a flag says otherwise", () => {
  assert.equal(verbs.up.flags["log-segment"].default * 1024 * 1024, defaultSegmentBytes);
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
  assert.match(refusal("up", "--frontends", "0"), /--frontends must be a whole number from 1 to 8, not "0"/);
  assert.match(refusal("up", "--catalogs", "9"), /from 0 to 8/);
  assert.match(refusal("up", "--cache", "on"), /a whole number from 0 to 100000, or off, not "on"/);
  assert.match(refusal("up", "--log-segment", "0.05"), /--log-segment must be a number from 0.0625/);
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
