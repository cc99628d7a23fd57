import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { position } from "../base/units.ts";
import type { Connection } from "../wire/connection.ts";
import { type Answered, readAnswers } from "../wire/service.ts";
import { AnswerFrames, framed } from "./answer-frames.ts";

const frameBytesMax = 1024 * 1024;

test("a list is cut into runs that fit a frame, in order and without loss; what is larger alone stands alone", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(frameBytesMax * 2), { maxLength: 40 }), (sizes) => {
      const runs = [...framed(sizes, (size) => size)];
      assert.deepEqual(runs.flat(), sizes);
      for (const [i, run] of runs.entries()) {
        const bytes = run.reduce((sum, size) => sum + size, 0);
        assert.ok(run.length === 1 || bytes <= frameBytesMax, `${bytes} bytes`);
        const next = runs[i + 1]?.[0] ?? Number.POSITIVE_INFINITY;
        assert.ok(bytes + next > frameBytesMax * 0.9, "the next one would have fitted");
      }
    }),
  );
});

/** The end of a connection that keeps the frames it is given, and takes no more than `room` of them. */
function connectionWith(room: number) {
  const frames: Answered[][] = [];
  const closedBy: (Error | undefined)[] = [];
  const connection: Pick<Connection, "closed" | "send" | "close"> = {
    get closed() {
      return closedBy.length > 0;
    },
    send: (_kind, write) => {
      if (frames.length === room) return false;
      const body = new ByteWriter();
      write(body);
      frames.push(readAnswers(new ByteReader(body.finish())));
      return true;
    },
    close: (error) => closedBy.push(error),
  };
  return { frames, closedBy, connection: connection as Connection };
}

const rows = (ticket: number, bytes: number): Answered => ({
  kind: "rows",
  ticket,
  position: position(7),
  more: false,
  rows: new Uint8Array(bytes),
});

test("the answers of one turn leave in one frame, those of the next in another", async () => {
  const { frames, connection } = connectionWith(9);
  const answers = new AnswerFrames(connection);
  answers.answer(rows(1, 3));
  answers.answer({ kind: "failed", ticket: 2, code: "unavailable" });
  assert.equal(frames.length, 0);
  await Promise.resolve();
  answers.answer(rows(3, 1));
  await Promise.resolve();
  assert.deepEqual(
    frames.map((frame) => frame.map(({ ticket }) => ticket)),
    [[1, 2], [3]],
  );
});

test("one who does not read his answers is cut off", async () => {
  const { frames, closedBy, connection } = connectionWith(1);
  const answers = new AnswerFrames(connection);
  for (let ticket = 1; ticket <= 3; ticket++) answers.answer(rows(ticket, frameBytesMax - 100));
  await Promise.resolve();
  assert.deepEqual([frames.length, closedBy.length], [1, 1]);
});
