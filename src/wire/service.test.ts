import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { type FailureCode, failures } from "../base/failure.ts";
import { position, replicaId, term } from "../base/units.ts";
import {
  type Answered,
  type Inquiry,
  type Question,
  type Result,
  readAnswers,
  readLeadership,
  readQuestions,
  readResults,
  readSubmissions,
  type Submission,
  writeAnswers,
  writeLeadership,
  writeQuestions,
  writeResults,
  writeSubmissions,
} from "./service.ts";

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 200 });
const code = fc.constantFrom(...(Object.keys(failures) as FailureCode[]));
const text = fc.string({ unit: "binary", maxLength: 40 });
/** An object with only those of the optional fields that were drawn. */
const withSome = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] });

const submissions: fc.Arbitrary<Submission[]> = fc.array(fc.record({ ticket: count, command: bytes }));
const results: fc.Arbitrary<Result[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("reply" as const), ticket: count, reply: bytes }),
    fc.record({ kind: fc.constant("failed" as const), ticket: count, code }),
  ),
);
const inquiry = fc.oneof(
  fc.record({ kind: fc.constant("item" as const), item: fc.oneof(text, count) }),
  fc
    .tuple(withSome({ topic: text }), count, count)
    .map(([some, after, limit]) => ({ kind: "items" as const, ...some, after, limit })),
  fc.record({ kind: fc.constant("order" as const), number: count }),
  fc
    .tuple(withSome({ item: text, customer: text, reference: text, after: count, before: count }), count)
    .map(([some, limit]) => ({ kind: "orders" as const, ...some, limit })),
) as fc.Arbitrary<Inquiry>;
const questions: fc.Arbitrary<Question[]> = fc.array(
  fc.record({
    ticket: count,
    freshness: fc.oneof(
      fc.constant({ kind: "latest" as const }),
      fc.constant({ kind: "stale" as const }),
      count.map((at) => ({ kind: "at-least" as const, position: position(at) })),
    ),
    inquiry,
  }),
);
const answers: fc.Arbitrary<Answered[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("rows" as const),
      ticket: count,
      position: count.map(position),
      more: fc.boolean(),
      rows: bytes,
    }),
    fc.record({ kind: fc.constant("failed" as const), ticket: count, code }),
  ),
);

function framed(write: (body: ByteWriter) => void): Uint8Array {
  const body = new ByteWriter();
  write(body);
  return body.finish();
}

function roundTrip<T>(
  values: fc.Arbitrary<T>,
  write: (body: ByteWriter, value: T) => void,
  read: (body: ByteReader) => T,
): void {
  fc.assert(
    fc.property(values, fc.nat(), (value, cut) => {
      const frame = framed((body) => write(body, value));
      // fast-check makes objects without a prototype, which strict equality tells apart.
      assert.deepEqual(read(new ByteReader(frame)), structuredClone(value));
      const shorter = frame.subarray(0, cut % (frame.length + 1));
      try {
        read(new ByteReader(shorter));
      } catch (error) {
        assert.ok(error instanceof DecodeError, `a cut frame throws ${error}`);
      }
    }),
  );
}

test("submissions come out as they went in, and a cut frame is malformed or shorter, never a crash", () => {
  roundTrip(submissions, writeSubmissions, readSubmissions);
});

test("results come out as they went in", () => roundTrip(results, writeResults, readResults));

test("questions come out as they went in", () => roundTrip(questions, writeQuestions, readQuestions));

test("answers come out as they went in", () => roundTrip(answers, writeAnswers, readAnswers));

test("a leadership notice comes out as it went in, with and without a leader", () => {
  for (const leader of [undefined, replicaId(3)]) {
    const notice = { term: term(7), leader, leading: leader !== undefined };
    assert.deepEqual(readLeadership(new ByteReader(framed((body) => writeLeadership(body, notice)))), notice);
  }
});

test("no bytes make a reader throw anything but a decode error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      for (const read of [readSubmissions, readResults, readQuestions, readAnswers, readLeadership]) {
        try {
          read(new ByteReader(noise));
        } catch (error) {
          assert.ok(error instanceof DecodeError, `${read.name} threw ${error}`);
        }
      }
    }),
  );
});
