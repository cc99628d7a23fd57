import assert from "node:assert/strict";
import { stripTypeScriptTypes } from "node:module";
import { test } from "node:test";
import { changedText } from "./mutant-hunt.test-support.ts";
import { mutantNamed, mutants, mutated } from "./mutants.ts";

test("there are many mutants, each of another name and another change", () => {
  assert.ok(mutants.length >= 36);
  assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  assert.equal(new Set(mutants.map(({ file, to, from }) => `${file}${from}${to}`)).size, mutants.length);
});

for (const mutant of mutants) {
  test(`the mutant ${mutant.name} has its one place in ${mutant.file}, and what it makes of it is a module`, () => {
    const changed = changedText(mutant.name);
    // Throws if it is not TypeScript; and what is left must be JavaScript.
    assert.doesNotThrow(() => stripTypeScriptTypes(changed));
  });
}

test("a mutant that has no place, or several, or that nobody knows, is an error", () => {
  const mutant = { name: "one", rule: "", file: "a.ts", from: "a", to: "b" };
  assert.equal(mutated(mutant, "-a-"), "-b-");
  assert.throws(() => mutated(mutant, "-"), /no place/);
  assert.throws(() => mutated(mutant, "a-a"), /several/);
  assert.throws(() => mutantNamed("nobody"), /no mutant/);
});
