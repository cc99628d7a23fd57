/**
 * Histories by hand, kept as files (test/histories): each bad one is rejected by exactly the rules that its header
 * names, "linearizable" among them where the search must see it too; each good one, however odd, is accepted by both.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkByPosition } from "./by-position.ts";
import { type History, historyOf, type Operation } from "./history.ts";
import { parseLine } from "./line.ts";
import { checkLinearizable } from "./linearizable.ts";
import { smallestOf } from "./smallest.ts";
import { rules } from "./verdict.ts";

const folder = join(import.meta.dirname, "../../test/histories");

interface Kept {
  readonly name: string;
  readonly about: string;
  readonly rejectedBy: readonly string[];
  readonly history: History;
}

function kept(kind: "bad" | "good"): Kept[] {
  return readdirSync(join(folder, kind)).map((file) => {
    const lines = readFileSync(join(folder, kind, file), "utf8")
      .trimEnd()
      .split("\n");
    const [first = "", ...rest] = lines;
    // The format ignores what it does not know in a header: there stands what the file is about.
    const { about, rejectedBy = [] } = JSON.parse(first) as { about: string; rejectedBy?: string[] };
    const header = parseLine(first);
    assert(header.kind === "header", `${file} has no header`);
    const operations = rest.map((line): Operation => {
      const parsed = parseLine(line);
      assert(parsed.kind === "operation", `${file}: ${parsed.kind === "bad" ? parsed.reason : line}`);
      return parsed.operation;
    });
    const name = file.replace(".jsonl", "").replaceAll("-", " ");
    return { name, about, rejectedBy, history: historyOf(operations, header.header) };
  });
}

function rejectedBy(history: History): string[] {
  const positions = checkByPosition(history);
  const found = positions.kind === "ok" ? [] : positions.violations.map(({ rule }) => rule);
  const search = checkLinearizable(history);
  assert.notEqual(search.kind, "undecided");
  return [...new Set<string>([...found, ...(search.kind === "illegal" ? ["linearizable"] : [])])].sort();
}

const bad = kept("bad");
const good = kept("good");

for (const { name, about, rejectedBy: expected, history } of bad) {
  test(`rejected: ${name}`, () => {
    assert(about !== "" && expected.length > 0, "the header says why");
    assert.deepEqual(rejectedBy(history), [...expected].sort());
  });
}

for (const { name, about, history } of good) {
  test(`accepted: ${name}`, () => {
    assert(about !== "", "the header says what looks wrong");
    assert.deepEqual(rejectedBy(history), []);
  });
}

test("there are fifty bad histories and fifty good ones at least, and every rule has its history", () => {
  assert(bad.length >= 50 && good.length >= 50, `${bad.length} and ${good.length}`);
  const named = new Set(bad.flatMap((one) => one.rejectedBy));
  assert.deepEqual([...named].sort(), Object.keys(rules).sort());
});

test("the smallest history of each bad one is rejected by the same rule, and is no larger", () => {
  for (const { name, history } of bad) {
    const positions = checkByPosition(history);
    const rule = positions.kind === "ok" ? "linearizable" : (positions.violations[0]?.rule ?? "linearizable");
    const small = smallestOf(history, { rule, message: "", operations: [] });
    const left = historyOf(small.operations, small.header);
    assert(rejectedBy(left).includes(rule), name);
    assert(left.size <= history.size, name);
  }
});
