import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import Fastify from "fastify";
import { readItemRequest } from "./item-body.ts";
import { readBatchRequest, readOrderRequest } from "./order-body.ts";
import { batchBody, itemBody, orderBody, type Schema } from "./schemas.ts";

const long = "x".repeat(129);
const anything = JSON.parse(`{"name":"tux","quantity":1,"__proto__":{}}`) as unknown;

const badOrders: readonly (readonly [unknown, RegExp])[] = [
  [undefined, /got nothing/],
  [null, /got null/],
  [[], /got a list/],
  ["tux", /got "tux"/],
  [{}, /name must be a text of 1 to 128 characters; got nothing/],
  [{ name: "tux" }, /quantity must be a whole number from 1 to 1,000,000; got nothing/],
  [{ name: "tux", quantity: "5" }, /quantity must be a whole number from 1 to 1,000,000; got "5"/],
  [{ name: "tux", quantity: 1.5 }, /got 1.5/],
  [{ name: "tux", quantity: -1 }, /got -1/],
  [{ name: "tux", quantity: 0 }, /got 0/],
  [{ name: "tux", quantity: Number.POSITIVE_INFINITY }, /got a number beyond all range/],
  [{ name: "tux", quantity: 2 ** 53 + 1 }, /got 9007199254740992/],
  [{ name: "tux", quantity: 1_000_001 }, /got 1000001/],
  [{ name: "tux", quantity: null }, /got null/],
  [{ name: "tux", quantity: {} }, /got an object/],
  [{ name: "tux", quantity: true }, /got true/],
  [{ name: 5, quantity: 1 }, /name must be a text.*got 5/],
  [{ name: "", quantity: 1 }, /name is empty/],
  [{ name: "a\0b", quantity: 1 }, /name has a control character/],
  [{ name: "\ud83d", quantity: 1 }, /name has half of a surrogate pair/],
  [{ name: long, quantity: 1 }, /name is longer than 128 code points/],
  [{ name: "x".repeat(100_000), quantity: 1 }, /name is longer than 128 code points/],
  [{ name: "tux", quantity: 1, qty: 1 }, /"qty" is not a field of an order/],
  [{ name: "tux", quantity: 1, ["x".repeat(1_000)]: 1 }, /a text of 1000 characters is not a field/],
  [anything, /"__proto__" is not a field/],
  [{ name: "tux", quantity: 1, constructor: 1 }, /"constructor" is not a field/],
  [{ name: "tux", quantity: 1, type: "BUY" }, /type must be "buy" or "sell"; got "BUY"/],
  [{ name: "tux", quantity: 1, lines: [] }, /not both/],
  [{ quantity: 1, lines: [{ name: "tux", quantity: 1 }] }, /not both/],
  [{ lines: [] }, /lines must be a list of 1 to 100 lines; got 0 lines/],
  [{ lines: {} }, /got an object/],
  [{ lines: Array.from({ length: 101 }, () => ({ id: 1, quantity: 1 })) }, /got 101 lines/],
  [{ lines: [7] }, /lines\[0\] must be an object/],
  [{ lines: [{ quantity: 1 }] }, /lines\[0\] must have either name or id; it has neither/],
  [{ lines: [{ name: "tux", id: 1, quantity: 1 }] }, /not both/],
  [{ lines: [{ id: 0, quantity: 1 }] }, /lines\[0\].id must be a whole number from 1/],
  [
    {
      lines: [
        { id: 1, quantity: 1 },
        { id: 1, quantity: "1" },
      ],
    },
    /lines\[1\].quantity/,
  ],
  [{ lines: [{ id: 1, quantity: 1, maxPriceMinor: -1 }] }, /lines\[0\].maxPriceMinor/],
  [{ lines: [{ id: 1, quantity: 1, minPriceMinor: 1 }] }, /guards no order of type buy; use maxPriceMinor/],
  [{ lines: [{ id: 1, quantity: 1, price: 1 }] }, /"price" is not a field of lines\[0\]/],
  [{ name: "tux", quantity: 1, reference: 7 }, /reference must be a text/],
  [{ name: "tux", quantity: 1, customer: "" }, /customer is empty/],
];

describe("an order's body", () => {
  for (const [body, message] of badOrders) {
    test(`is refused with ${message}`, () => {
      const read = readOrderRequest(body);
      assert.ok("status" in read);
      assert.equal(read.status, 400);
      assert.equal(read.reason, "malformed");
      assert.match(read.message, message);
      assert.ok(read.message.length < 300, "a message stays short whatever was sent");
    });
  }

  test("of one item becomes an order of one line", () => {
    assert.deepEqual(
      readOrderRequest({ name: "tux", quantity: 5, type: "sell", reference: "r", customer: "c" }),
      {
        side: "sell",
        shape: "single",
        lines: [{ item: { kind: "name", name: "tux" }, quantity: 5 }],
        reference: "r",
        customer: "c",
      },
    );
  });

  test("of lines keeps their order and their guards", () => {
    const lines = [
      { name: "tux", quantity: 1, maxPriceMinor: 0 },
      { id: 2, quantity: 1_000_000 },
    ];
    assert.deepEqual(readOrderRequest({ lines }), {
      side: "buy",
      shape: "lines",
      lines: [
        { item: { kind: "name", name: "tux" }, quantity: 1, limitMinor: 0 },
        { item: { kind: "id", id: 2 }, quantity: 1_000_000 },
      ],
    });
  });

  test("may name items with emoji, slashes and quotes, and names go inward in NFC", () => {
    for (const [sent, inward] of [
      ['🦊/"fox"', '🦊/"fox"'],
      ["cafe\u0301", "caf\u00e9"],
      ["🦊".repeat(128), "🦊".repeat(128)],
    ] as const) {
      const read = readOrderRequest({ name: sent, quantity: 1 });
      assert.ok("lines" in read);
      assert.deepEqual(read.lines[0]?.item, { kind: "name", name: inward });
    }
  });
});

describe("a batch's body", () => {
  test("is refused as a whole, with the place, if one of its orders is malformed", () => {
    const read = readBatchRequest({
      orders: [
        { name: "a", quantity: 1 },
        { name: "b", quantity: 0 },
      ],
    });
    assert.ok("status" in read);
    assert.match(read.message, /^orders\[1\]: quantity must be/);
  });

  test("is refused if it is empty, too long or of another shape", () => {
    const order = { name: "a", quantity: 1 };
    for (const body of [
      { orders: [] },
      { orders: new Array(10_001).fill(order) },
      { orders: order },
      { orders: [order], more: 1 },
      [order],
      null,
    ])
      assert.ok("status" in readBatchRequest(body));
  });
});

describe("an item's body", () => {
  const item = { name: "fox", priceMinor: 999, quantity: 100 };
  const bad: readonly (readonly [unknown, RegExp])[] = [
    [7, /got 7/],
    [{ ...item, name: "123" }, /all digits/],
    [{ ...item, price: 9.99 }, /"price" is not a field/],
    [{ ...item, priceMinor: 9.99 }, /priceMinor must be a whole number from 0/],
    [{ ...item, quantity: -1 }, /quantity must be a whole number from 0/],
    [{ ...item, title: "" }, /title is empty/],
    [{ ...item, topic: 5 }, /topic must be a text/],
  ];
  for (const [body, message] of bad) {
    test(`is refused with ${message}`, () => {
      const read = readItemRequest(body);
      assert.ok("status" in read);
      assert.match(read.message, message);
    });
  }

  test("becomes the market's item", () => {
    assert.deepEqual(readItemRequest({ ...item, topic: "woods" }), { ...item, topic: "woods" });
  });
});

/** What the schemas are checked with: the compiler that Fastify brings, coercing nothing. */
async function compile(schema: Schema): Promise<(value: unknown) => boolean> {
  const customOptions = { coerceTypes: false, removeAdditional: false, useDefaults: false } as const;
  const app = Fastify({ ajv: { customOptions } });
  let check: ((value: unknown) => boolean) | undefined;
  app.get("/", async (request) => {
    const validate = request.compileValidationSchema(schema as Record<string, unknown>);
    check = (value) => validate(value) === true;
    return "";
  });
  await app.inject("/");
  await app.close();
  assert.ok(check !== undefined);
  return check;
}

/** Values near the edge of what is right. A half of a surrogate pair is left out: JSON Schema cannot speak of it. */
const texts = fc.constantFrom<unknown>(
  "tux",
  "",
  "7",
  "a\0",
  "é",
  "🦊".repeat(128),
  "x".repeat(129),
  5,
  null,
);
const wholes = fc.constantFrom<unknown>(1, 0, -1, 1.5, "5", 1_000_000, 1_000_001, 1e12, 1e12 + 1, null, true);
const sides = fc.constantFrom<unknown>("buy", "sell", "hold", 1);
const lineBodies = fc.record(
  { name: texts, id: wholes, quantity: wholes, maxPriceMinor: wholes, minPriceMinor: wholes, more: wholes },
  { requiredKeys: [] },
);
/** Right more often than wrong, so that one wrong thing at a time is seen. */
const goodLines = fc.record(
  { name: fc.constant("tux"), quantity: fc.constant(1), maxPriceMinor: wholes, minPriceMinor: wholes },
  { requiredKeys: ["name", "quantity"] },
);
const orderBodies = fc.oneof(
  fc.record(
    { name: texts, quantity: wholes, type: sides, reference: texts, customer: texts, more: texts },
    { requiredKeys: [] },
  ),
  fc.record({ name: texts, quantity: wholes, type: sides }, { requiredKeys: ["name", "quantity"] }),
  fc.record(
    { lines: fc.array(fc.oneof(goodLines, lineBodies), { maxLength: 3 }), type: sides, name: texts },
    { requiredKeys: ["lines"] },
  ),
  fc.record(
    { lines: fc.array(goodLines, { minLength: 1, maxLength: 2 }), type: sides },
    { requiredKeys: ["lines"] },
  ),
  texts,
);
const itemBodies = fc.oneof(
  fc.record(
    { name: texts, title: texts, topic: texts, priceMinor: wholes, quantity: wholes, more: texts },
    { requiredKeys: ["name", "priceMinor"] },
  ),
  fc.record(
    { name: fc.constant("tux"), title: texts, priceMinor: fc.constant(1), quantity: wholes },
    { requiredKeys: ["name", "priceMinor", "quantity"] },
  ),
);

describe("the published schemas", () => {
  const cases = [
    ["an order", orderBody, orderBodies, readOrderRequest],
    ["a batch", batchBody, fc.record({ orders: fc.array(orderBodies, { maxLength: 2 }) }), readBatchRequest],
    ["an item", itemBody, itemBodies, readItemRequest],
  ] as const;
  for (const [what, schema, bodies, read] of cases) {
    test(`accept exactly the bodies of ${what} that the validator accepts`, async () => {
      const accepts = await compile(schema);
      let accepted = 0;
      fc.assert(
        fc.property(bodies as fc.Arbitrary<unknown>, (body) => {
          const result = read(body);
          const right = !("status" in result);
          if (right) accepted++;
          assert.equal(accepts(body), right, JSON.stringify(result));
        }),
        { numRuns: 2_000 },
      );
      assert.ok(accepted > 0, "some bodies were right");
    });
  }
});
