import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { equalHash } from "../base/hash128.ts";
import { builtinMarkets } from "./builtin.ts";
import {
  bodyHash,
  decodeBatch,
  decodeCommand,
  decodeReply,
  definitionHash,
  encodeBatch,
  encodeCommand,
  encodeReply,
  readAnswer,
  readItem,
  readOrder,
  writeAnswer,
  writeItem,
  writeOrder,
} from "./codec.ts";
import type { Command } from "./command.ts";
import {
  at,
  goods,
  inSession,
  named,
  openShop,
  order,
  someCommand,
  underKey,
} from "./fixture.test-support.ts";

const commands = fc.array(someCommand, { minLength: 1, maxLength: 40 });
const found: Command = { kind: "found", definition: goods };

function throughBytes<T>(
  row: T,
  write: (writer: ByteWriter, row: T) => void,
  read: (reader: ByteReader) => T,
): T {
  const writer = new ByteWriter(4);
  write(writer, row);
  const reader = new ByteReader(writer.finish());
  const copy = read(reader);
  reader.end();
  return copy;
}

/** Decode, and say whether it was refused in the one way that is allowed. */
function refused(decode: () => unknown): boolean {
  try {
    decode();
    return false;
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error));
    return true;
  }
}

test("a batch of commands survives its bytes", () => {
  fc.assert(
    fc.property(commands, fc.maxSafeNat(), (list, when) => {
      const batch = { at: when, commands: [found, ...list] };
      assert.deepEqual(decodeBatch(encodeBatch(when, batch.commands.map(encodeCommand))), batch);
    }),
  );
});

test("replies and rows of every kind survive their bytes", () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(commands, (list) => {
      const shop = openShop();
      for (const reply of shop.run([...list, ...list]).replies) {
        kinds.add(reply.kind);
        assert.deepEqual(decodeReply(encodeReply(reply)), reply);
      }
      for (const item of shop.items.values()) assert.deepEqual(throughBytes(item, writeItem, readItem), item);
      for (const row of shop.orders) assert.deepEqual(throughBytes(row, writeOrder, readOrder), row);
      for (const answer of shop.keyAnswers) {
        assert.deepEqual(throughBytes(answer, writeAnswer, readAnswer), answer);
      }
    }),
  );
  assert.equal(kinds.size, 8, [...kinds].join());
});

test("every built-in market survives its bytes and has a hash of its own", () => {
  const hashes = new Set<string>();
  for (const definition of builtinMarkets.values()) {
    const command: Command = { kind: "found", definition };
    assert.deepEqual(decodeCommand(encodeCommand(command)), command);
    hashes.add(definitionHash(definition).join());
  }
  assert.equal(hashes.size, builtinMarkets.size);
});

test("random bytes are refused, if at all, as not decodable", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      refused(() => decodeBatch(bytes));
      refused(() => decodeBatch(Uint8Array.of(1, ...bytes)));
      refused(() => decodeReply(bytes));
      refused(() => decodeCommand(bytes));
    }),
    { numRuns: 2_000 },
  );
});

test("an entry with flipped bits is refused, or is one that a market can apply", () => {
  fc.assert(
    fc.property(commands, fc.nat(), fc.integer({ min: 0, max: 7 }), (list, where, bit) => {
      const bytes = encodeBatch(at, list.map(encodeCommand));
      bytes[where % bytes.length] = (bytes[where % bytes.length] ?? 0) ^ (1 << bit);
      let batch: ReturnType<typeof decodeBatch> | undefined;
      if (refused(() => (batch = decodeBatch(bytes))) || batch === undefined) return;
      if (batch.commands.some((command) => command.kind === "found")) return;
      openShop().run(batch.commands);
    }),
    { numRuns: 1_000 },
  );
});

test("replies with flipped bits or cut short are refused, if at all, as not decodable", () => {
  fc.assert(
    fc.property(commands, fc.nat(), fc.integer({ min: 0, max: 7 }), (list, where, bit) => {
      for (const reply of openShop().run(list).replies) {
        const bytes = encodeReply(reply);
        assert.ok(refused(() => decodeReply(bytes.subarray(0, where % bytes.length))));
        bytes[where % bytes.length] = (bytes[where % bytes.length] ?? 0) ^ (1 << bit);
        refused(() => decodeReply(bytes));
      }
    }),
  );
});

const tick = [6];
for (const [what, bytes] of [
  ["no bytes", []],
  ["another version", [2, 0, 0]],
  ["an unknown command", [1, 0, 1, 99]],
  ["a byte too many", [1, 0, 1, ...tick, 0]],
  ["a command too few", [1, 0, 2, ...tick]],
  ["more commands than bytes", [1, 0, 200, 1, ...tick]],
  ["an order without lines", [1, 0, 1, 1, 0, 0, 0, 2, 0]],
  ["a quantity of 0", [1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 2, 0]],
  ["two lines in an order of one", [1, 0, 1, 1, 0, 2, 1, 1, 1, 1, 1, 1, 0, 2, 0]],
  ["unknown flags of an order", [1, 0, 1, 1, 16, 1, 1, 1, 1, 0, 2, 0]],
  ["an unknown kind of request id", [1, 0, 1, 1, 0, 1, 1, 1, 1, 9, 2, 0]],
  ["an open sequence that is not below", [1, 0, 1, 5, 2, 3, 1, 3]],
  ["open sequences that do not ascend", [1, 0, 1, 5, 2, 9, 2, 3, 3]],
] as const) {
  test(`an entry with ${what} is refused`, () => {
    assert.ok(refused(() => decodeBatch(Uint8Array.from(bytes))));
  });
}

for (const [what, command] of [
  [
    "an item's name of digits",
    { ...found, definition: { ...goods, items: [{ name: "12", priceMinor: 1, quantity: 1 }] } },
  ],
  ["a name of 129 code points", order(inSession(0), "buy", named("x".repeat(129), 1))],
  ["a quantity beyond the bound", order(inSession(0), "buy", named("Lamp", 1_000_001))],
  [
    "a restock beyond maxQuantity",
    { ...found, definition: { ...goods, maxQuantity: 60, restock: { everyTicks: 1, when: 0, to: 61 } } },
  ],
  [
    "a price beyond the bound",
    { kind: "add-item", id: underKey(1), item: { name: "K", priceMinor: 1e12 + 1, quantity: 0 } },
  ],
] as const) {
  test(`a command with ${what} is refused`, () => {
    assert.ok(refused(() => decodeCommand(encodeCommand(command))));
  });
}

test("names of 128 code points outside the basic plane are within the bound", () => {
  const command = order(inSession(0), "buy", named("😀".repeat(128), 1));
  assert.deepEqual(decodeCommand(encodeCommand(command)), command);
});

test("an answer cannot hold a replayed reply, so nothing nests", () => {
  const shop = openShop();
  const command = order(underKey(1), "buy", named("Nix", 1));
  shop.one(command);
  const bytes = encodeReply(shop.one(command));
  // Behind kind and position, the id, the body's hash, tick and position: the kept reply's kind.
  const outcome = 2 + 17 + 16 + 2;
  assert.equal(bytes[outcome], 3);
  bytes[outcome] = 4;
  assert.ok(refused(() => decodeReply(bytes)));
});

test("the body's hash depends on everything but the id", () => {
  const command = order(inSession(0), "buy", named("Lamp", 1));
  assert.ok(equalHash(bodyHash(command), bodyHash({ ...command, id: underKey(5) })));
  const others = [
    order(inSession(0), "sell", named("Lamp", 1)),
    order(inSession(0), "buy", named("lamp", 1)),
    order(inSession(0), "buy", named("Lamp", 2)),
    order(inSession(0), "buy", named("Lamp", 1, 0)),
    { ...command, shape: "lines" } as const,
    { ...command, reference: "Lamp" },
    { ...command, customer: "Lamp" },
  ];
  const hashes = new Set([command, ...others].map((other) => bodyHash(other).join()));
  assert.equal(hashes.size, others.length + 1);
});
