import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { type FailureCode, failures } from "../base/failure.ts";
import { logIndex, orderNumber, position, term } from "../base/units.ts";
import type { Connection } from "./connection.ts";
import {
  type CopyAnswer,
  type CopyRequest,
  copyFrames,
  readCopyAnswer,
  readCopyRequest,
  sendCopyAnswer,
  sendCopyRequest,
} from "./copy.ts";

const count = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 200 });
const requests: fc.Arbitrary<CopyRequest> = fc.oneof(
  count.map((n) => ({ kind: "begin" as const, atLeast: logIndex(n) })),
  fc.constant({ kind: "more" as const }),
  count.map((n) => ({ kind: "orders" as const, from: orderNumber(n) })),
  count.map((n) => ({ kind: "answers" as const, after: position(n) })),
);
const answers: fc.Arbitrary<CopyAnswer> = fc.oneof(
  fc.tuple(count, count, fc.boolean(), bytes).map(([index, of, more, part]) => ({
    kind: "state" as const,
    index: logIndex(index),
    term: term(of),
    more,
    bytes: part,
  })),
  bytes.map((rows) => ({ kind: "rows" as const, rows })),
  fc
    .constantFrom(...(Object.keys(failures) as FailureCode[]))
    .map((code) => ({ kind: "refused" as const, code })),
);

/** The frame that `send` sends. */
function framed(send: (connection: Connection) => boolean): {
  readonly kind: number;
  readonly body: Uint8Array;
} {
  const body = new ByteWriter(16);
  let sent = 0;
  const connection: Pick<Connection, "send"> = {
    send: (kind, write) => {
      sent = kind;
      write(body);
      return true;
    },
  };
  assert.ok(send(connection as Connection));
  return { kind: sent, body: body.finish() };
}

test("requests and answers come out as they went in, and cut or longer ones are refused", () => {
  fc.assert(
    fc.property(requests, answers, fc.nat(), (request, answer, cut) => {
      const frames = [
        { read: readCopyRequest, said: request, ...framed((to) => sendCopyRequest(to, request)) },
        { read: readCopyAnswer, said: answer, ...framed((to) => sendCopyAnswer(to, answer)) },
      ] as const;
      for (const { read, said, kind, body } of frames) {
        assert.deepEqual(read(kind, new ByteReader(body)), said);
        assert.throws(() => read(kind, new ByteReader(Uint8Array.of(...body, 0))), DecodeError);
        if (body.length === 0) continue;
        assert.throws(() => read(kind, new ByteReader(body.subarray(0, cut % body.length))), DecodeError);
      }
    }),
  );
});

test("no bytes make a reader throw anything but a decode error", () => {
  const kinds = fc.constantFrom(...Object.values(copyFrames), 1, 47, 55);
  fc.assert(
    fc.property(kinds, bytes, (kind, noise) => {
      for (const read of [readCopyRequest, readCopyAnswer]) {
        try {
          read(kind, new ByteReader(noise));
        } catch (error) {
          assert.ok(error instanceof DecodeError, `${read.name} threw ${error}`);
        }
      }
    }),
  );
});
