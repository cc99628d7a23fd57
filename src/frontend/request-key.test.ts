import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { sessionId } from "../base/units.ts";
import { ownId, RequestKeys } from "./request-key.ts";

const keys = new RequestKeys("ab".repeat(32));
const others = new RequestKeys("cd".repeat(32));
const sequences = fc.integer({ min: 0, max: 2 ** 50 });
const sessions = fc.integer({ min: 1, max: 2 ** 50 }).map(sessionId);

test("a key that was handed out names its session and sequence again, at any front-end of the cluster", () => {
  const another = new RequestKeys("ab".repeat(32));
  fc.assert(
    fc.property(sessions, sequences, (session, first) => {
      assert.deepEqual(another.read(keys.issue(session, first)), {
        kind: "issued",
        session,
        first,
        count: undefined,
      });
    }),
  );
});

test("a batch's key names its session, first sequence and count again", () => {
  fc.assert(
    fc.property(sessions, sequences, fc.integer({ min: 1, max: 10_000 }), (session, first, count) => {
      assert.deepEqual(keys.read(keys.issueBatch(session, first, count)), {
        kind: "issued",
        session,
        first,
        count,
      });
    }),
  );
});

test("a tag is cut from the HMAC-SHA256 of its block of sequences", () => {
  const tags = createHmac("sha256", Buffer.from("ab".repeat(32), "hex"))
    .update("one:3:2")
    .digest("hex");
  for (let i = 0; i < 8; i++)
    assert.equal(keys.issue(sessionId(3), 16 + i), `bz-3-${16 + i}-${tags.slice(i * 8, i * 8 + 8)}`);
});

test("the tags of neighbouring sequences differ", () => {
  const tags = new Set(Array.from({ length: 64 }, (_, i) => keys.issue(sessionId(3), i).slice(-8)));
  assert.equal(tags.size, 64);
});

test("a key of another cluster, of another sequence or with another tag is malformed", () => {
  const key = keys.issue(sessionId(3), 17);
  const forged = [
    others.issue(sessionId(3), 17),
    key.replace("-17-", "-18-"),
    key.replace("bz-3-", "bz-4-"),
    `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`,
    key.replace("-17-", "-17-1-"),
    key.toUpperCase().replace("BZ-", "bz-"),
    "bz-",
    "bz-1-2",
    "bz-1-2-zzzzzzzz",
    "bz-9999999999999999-1-00000000",
  ];
  for (const text of forged) assert.equal(keys.read(text).kind, "malformed", text);
});

test("any other key of visible ASCII characters is the client's own", () => {
  for (const text of ["a", "7", "BZ-1-2-3", "x".repeat(255), "~!@#"])
    assert.deepEqual(keys.read(text), { kind: "own", text });
  for (const text of ["", "x".repeat(256), "a b", "é", "a\tb"])
    assert.equal(keys.read(text).kind, "malformed", text);
});

test("a client's own key is hashed to its 128-bit id, the same each time and another for another key", () => {
  assert.deepEqual(ownId("a/0"), ownId("a/0"));
  assert.notDeepEqual(ownId("a/0"), ownId("a/1"));
  // The first 16 bytes of SHA-256("abc"), little-endian words.
  assert.deepEqual(ownId("abc"), { kind: "key", key: [0xbf1678ba, 0xeacf018f, 0xde404141, 0x2322ae5d] });
});
