import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinMarkets } from "./builtin.ts";
import { fromMinor, toMinor } from "./currency.ts";
import { parseDefinition } from "./definition-file.ts";
import { definitionProblems } from "./definition-rules.ts";
import { foldName, nameProblem } from "./names.ts";

const file = {
  name: "garden",
  resource: "plants",
  items: [
    { name: "Rose", price: 4.5, quantity: 10 },
    { name: "Fern/tall", priceMinor: 725, quantity: 0, title: "A fern", topic: "green" },
  ],
};

test("a market file becomes a definition, with defaults and decimal prices", () => {
  const parsed = parseDefinition({ ...file, restock: { every: 10, when: 0, to: 5 }, maxPerOrder: 3 });
  assert.deepEqual(parsed, {
    ok: true,
    definition: {
      name: "garden",
      resource: "plants",
      currency: "USD",
      sides: ["buy"],
      items: [
        { name: "Rose", priceMinor: 450, quantity: 10 },
        { name: "Fern/tall", title: "A fern", topic: "green", priceMinor: 725, quantity: 0 },
      ],
      restock: { everyTicks: 10, when: 0, to: 5 },
      maxPerOrder: 3,
    },
  });
});

const rose = file.items[0];
for (const [what, value, paths] of [
  ["no object", 7, ["", "name", "resource", "items"]],
  ["an unknown field", { ...file, itmes: [] }, ["itmes"]],
  ["an unknown field of an item", { ...file, items: [{ ...rose, prise: 1 }] }, ["items[0].prise"]],
  ["a text for a number", { ...file, items: [{ ...rose, quantity: "3" }] }, ["items[0].quantity"]],
  ["too fine a price", { ...file, items: [{ ...rose, price: 1.234 }] }, ["items[0].price"]],
  ["a negative price", { ...file, items: [{ ...rose, price: -1 }] }, ["items[0].price"]],
  ["both prices", { ...file, items: [{ ...rose, priceMinor: 450 }] }, ["items[0].price"]],
  ["no price", { ...file, items: [{ name: "Rose", quantity: 1 }] }, ["items[0].priceMinor"]],
  ["a name twice", { ...file, items: [rose, { ...rose, name: "ROSE" }] }, ["items[1].name"]],
  ["a name of digits", { ...file, items: [{ ...rose, name: "42" }] }, ["items[0].name"]],
  ["a side that is none", { ...file, sides: ["buy", "rent"] }, ["sides[1]"]],
  ["a side twice", { ...file, sides: ["buy", "buy"] }, ["sides"]],
  ["no side", { ...file, sides: [] }, ["sides"]],
  ["a word of the API's own", { ...file, resource: "orders" }, ["resource"]],
  ["a resource that is no plain word", { ...file, resource: "Plants" }, ["resource"]],
  ["a currency that is none", { ...file, currency: "dollars" }, ["currency"]],
  ["a stock beyond maxQuantity", { ...file, maxQuantity: 9 }, ["items[0].quantity"]],
  [
    "a restock that ends where it starts",
    { ...file, restock: { every: 1, when: 5, to: 5 } },
    ["restock.when"],
  ],
  ["a restock without its parts", { ...file, restock: {} }, ["restock.every", "restock.when", "restock.to"]],
  [
    "several problems at once",
    { ...file, name: 1, items: [{ ...rose, title: 1 }, 2] },
    ["name", "items[0].title", "items[1]", "items[1].name", "items[1].priceMinor", "items[1].quantity"],
  ],
] as const) {
  test(`a market file with ${what} is told so by path`, () => {
    const parsed = parseDefinition(value);
    assert.ok(!parsed.ok);
    assert.deepEqual(
      parsed.problems.map((problem) => problem.path),
      paths,
    );
  });
}

test("the built-in markets keep the rules", () => {
  assert.deepEqual([...builtinMarkets.keys()], ["stocks", "toys", "books"]);
  for (const definition of builtinMarkets.values()) assert.deepEqual(definitionProblems(definition), []);
});

test("names fold A to Z and nothing else", () => {
  assert.equal(foldName("FishCo ÄÉ İ"), "fishco ÄÉ İ");
});

for (const [name, good] of [
  ["a", true],
  ["x".repeat(128), true],
  ["AC/DC", true],
  ["1a", true],
  ["", false],
  ["x".repeat(129), false],
  ["12", false],
  ["a\u0000b", false],
  ["a\nb", false],
  ["A\u0308pfel", false],
  ["\ud800", false],
] as const) {
  test(`${JSON.stringify(name.slice(0, 12))} of ${name.length} is ${good ? "a" : "no"} name`, () => {
    assert.equal(nameProblem(name) === undefined, good);
  });
}

test("money goes to minor units and back exactly, by the currency's decimals", () => {
  assert.equal(toMinor(17.99, "USD"), 1_799);
  assert.equal(toMinor(0.07, "USD"), 7);
  assert.equal(toMinor(1_500, "JPY"), 1_500);
  assert.equal(toMinor(1.5, "JPY"), undefined);
  assert.equal(toMinor(1.234, "KWD"), 1_234);
  assert.equal(toMinor(1e21, "USD"), undefined);
  assert.equal(fromMinor(1_799, "USD"), 17.99);
});
