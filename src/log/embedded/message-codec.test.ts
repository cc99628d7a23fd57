import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../../base/bytes.ts";
import { logIndex, replicaId, term } from "../../base/units.ts";
import { changed, encodeMembership, founders } from "../../raft/membership.ts";
import type { Entry, Message, Room, Standing } from "../../raft/message.ts";
import { frameKind, readMessage, writeMessage } from "./message-codec.ts";

const from = { id: replicaId(2), incarnation: 7 };
const to = replicaId(3);

/** Small numbers are usual, and any length in bytes is possible. */
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const anIndex = number.map(logIndex);
const aTerm = number.map(term);
const common = {
  from: fc.constant(from.id),
  to: fc.constant(to),
  incarnation: fc.constant(from.incarnation),
  term: aTerm,
};
const reply = {
  round: number,
  room: fc.constantFrom<Room[]>("open", "reserve", "none"),
  standing: fc.constantFrom<Standing[]>("able", "stateless", "recovering"),
  informed: fc.boolean(),
};
const command = fc.tuple(fc.constant("command" as const), fc.uint8Array({ maxLength: 40 }));
const membership = fc
  .tuple(fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 7 }), fc.string())
  .map(([ids, address]) => {
    const [voters, added] = [founders(ids.slice(1).map(replicaId)), replicaId(ids[0] ?? 1)];
    if (voters.length === 0) return ["membership" as const, encodeMembership(founders([added]))] as const;
    const members = changed(voters, { kind: "add", id: added, address });
    return ["membership" as const, encodeMembership(members ?? voters)] as const;
  });
const someEntries = fc.array(fc.tuple(aTerm, fc.oneof(command, membership)), { maxLength: 5 });

type Drawn = readonly [Entry["term"], readonly [Entry["kind"], Uint8Array]];

function entriesBehind(prevIndex: number, drawn: readonly Drawn[]): Entry[] {
  return drawn.map(([ofTerm, [kind, payload]], i) => {
    return { index: logIndex(prevIndex + 1 + i), term: ofTerm, kind, payload };
  });
}

const messages = {
  "vote-request": fc.record({
    kind: fc.constant("vote-request"),
    ...common,
    pre: fc.boolean(),
    lastIndex: anIndex,
    lastTerm: aTerm,
    transfer: fc.boolean(),
  }),
  "vote-reply": fc.record({
    kind: fc.constant("vote-reply"),
    ...common,
    pre: fc.boolean(),
    granted: fc.boolean(),
    doubtful: fc.boolean(),
    drained: fc.boolean(),
  }),
  append: fc
    .record({
      kind: fc.constant("append"),
      ...common,
      prevIndex: number.map((n) => logIndex(Math.min(n, Number.MAX_SAFE_INTEGER - 5))),
      prevTerm: aTerm,
      entries: someEntries,
      commit: anIndex,
      base: anIndex,
      round: number,
      vouched: number,
    })
    .map((each) => ({ ...each, entries: entriesBehind(each.prevIndex, each.entries) })),
  heard: fc.record({ kind: fc.constant("heard"), ...common, ...reply }),
  accepted: fc.record({ kind: fc.constant("accepted"), ...common, ...reply, match: anIndex }),
  rejected: fc.record({
    kind: fc.constant("rejected"),
    ...common,
    ...reply,
    prevIndex: anIndex,
    hintIndex: anIndex,
    hintTerm: aTerm,
  }),
  "timeout-now": fc.record({ kind: fc.constant("timeout-now"), ...common }),
  "recover-request": fc.record({ kind: fc.constant("recover-request"), ...common }),
  "recover-grant": fc.record({
    kind: fc.constant("recover-grant"),
    ...common,
    life: number,
    index: anIndex,
  }),
  outlived: fc.record({
    kind: fc.constant("outlived"),
    ...common,
    known: number,
  }),
} as const satisfies { readonly [Kind in Message["kind"]]: fc.Arbitrary<Extract<Message, { kind: Kind }>> };

const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values(messages));

function encode(message: Message): Uint8Array {
  const body = new ByteWriter();
  writeMessage(body, message);
  return body.finish();
}

function decode(kind: number, bytes: Uint8Array): Message {
  return readMessage(kind, new ByteReader(bytes), from, to);
}

/** The message, or `undefined` for a `DecodeError`; anything else that is thrown fails the test. */
function decodeIfValid(kind: number, bytes: Uint8Array): Message | undefined {
  try {
    return decode(kind, bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

for (const [kind, arbitrary] of Object.entries(messages)) {
  test(`a message of kind ${kind} arrives as it was sent`, () => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Message>, (message) => {
        assert.deepEqual(decode(frameKind(message), encode(message)), { ...message });
      }),
    );
  });
}

test("a message that was cut short is refused, or is an append of fewer entries", () => {
  let refused = 0;
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = encode(message);
      for (let length = 0; length < bytes.length; length++) {
        const cut = decodeIfValid(frameKind(message), bytes.subarray(0, length));
        if (cut === undefined) {
          refused++;
          continue;
        }
        // Frames carry their length, so an append needs none: at the end of an entry it may end.
        assert.ok(message.kind === "append" && cut.kind === "append", `${length} bytes of a ${message.kind}`);
        assert.ok(cut.entries.length < message.entries.length);
        assert.deepEqual(cut, { ...message, entries: message.entries.slice(0, cut.entries.length) });
      }
    }),
  );
  assert.ok(refused > 0);
});

test("a message with something behind it is refused, or is an append of more entries", () => {
  fc.assert(
    fc.property(anyMessage, fc.uint8Array({ minLength: 1, maxLength: 9 }), (message, more) => {
      const longer = decodeIfValid(frameKind(message), new Uint8Array([...encode(message), ...more]));
      assert.ok(longer === undefined || longer.kind === "append");
    }),
  );
});

test("bytes that nobody wrote are a message or a DecodeError, and nothing else", () => {
  const kinds = fc.oneof(fc.integer({ min: 32, max: 38 }), fc.nat(255));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { maxLength: 60 }).map((each) => new Uint8Array(each)),
  );
  let valid = 0;
  let refused = 0;
  fc.assert(
    fc.property(kinds, bytes, (kind, body) => {
      if (decodeIfValid(kind, body) === undefined) refused++;
      else valid++;
    }),
    { numRuns: 2_000 },
  );
  assert.ok(valid > 0 && refused > 0, `${valid} valid, ${refused} refused`);
});

test("an entry behind the last index that there can be is refused", () => {
  const body = new ByteWriter();
  for (const field of [1, Number.MAX_SAFE_INTEGER, 1, 0, 0, 1, 0]) body.varint(field);
  const append = 34;
  const empty = decode(append, body.copy());
  assert.ok(empty.kind === "append" && empty.entries.length === 0);
  body.varint(1);
  body.bytes(new Uint8Array(3));
  assert.throws(() => decode(append, body.finish()), DecodeError);
});
