import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sessionId } from "../base/units.ts";
import { decodeCommand, encodeCommand } from "../market/codec.ts";
import { sessionLimits } from "./limits.ts";
import { Session } from "./session.ts";

const id = sessionId(7);

test("a session says nothing as long as nothing was answered", () => {
  const session = new Session(id, 0);
  session.take(3);
  assert.equal(session.acknowledge(sessionLimits.acknowledgeMs), undefined);
});

test("a session acknowledges after a while what was answered", () => {
  const session = new Session(id, 0);
  session.delivered(session.take());
  assert.equal(session.acknowledge(sessionLimits.acknowledgeMs - 1), undefined);
  const command = session.acknowledge(sessionLimits.acknowledgeMs);
  assert.deepEqual(command, { kind: "acknowledge", session: id, below: 2, open: [] });
  assert.equal(session.acknowledge(sessionLimits.acknowledgeMs * 2), undefined);
});

test("a session acknowledges at once after many answers", () => {
  const session = new Session(id, 0);
  for (let i = 0; i < sessionLimits.acknowledgeEvery; i++) session.delivered(session.take());
  assert.equal(session.acknowledge(1)?.below, sessionLimits.acknowledgeEvery + 1);
});

test("an idle session shows itself long before it would be forgotten", () => {
  const session = new Session(id, 0);
  assert.equal(session.acknowledge(sessionLimits.refreshMs)?.below, 1);
});

test("a sequence whose client was told that the outcome is unknown stays open, however often it is asked for", () => {
  const session = new Session(id, 0);
  session.take(2);
  session.leftOpen(1);
  session.delivered(2);
  assert.deepEqual(session.acknowledge(0, true)?.open, [1]);
  session.leftOpen(1);
  assert.deepEqual(session.acknowledge(0, true)?.open, [1]);
});

test("a sequence that was answered is open again if its client comes back before the market was told", () => {
  const session = new Session(id, 0);
  session.delivered(session.take());
  session.leftOpen(1);
  assert.deepEqual(session.acknowledge(0, true), { kind: "acknowledge", session: id, below: 2, open: [1] });
});

test("a sequence of which the market was told that it is over does not become open by a later try", () => {
  const session = new Session(id, 0);
  session.delivered(session.take());
  assert.deepEqual(session.acknowledge(0, true)?.open, []);
  session.leftOpen(1);
  assert.deepEqual(session.acknowledge(0, true)?.open, []);
});

test("a session with too many open sequences is worn", () => {
  const session = new Session(id, 0);
  const first = session.take(sessionLimits.open);
  for (let i = 0; i < sessionLimits.open - 1; i++) session.leftOpen(first + i);
  assert.equal(session.worn, false);
  session.leftOpen(first + sessionLimits.open - 1);
  assert.equal(session.worn, true);
});

test("a worn session acknowledges nothing any more, and what one says before that can be read", () => {
  const session = new Session(id, 0);
  const first = session.take(sessionLimits.open);
  for (let i = 0; i < sessionLimits.open - 1; i++) session.leftOpen(first + i);
  const command = session.acknowledge(0, true) ?? assert.fail("no acknowledgement");
  assert.equal(command.open.length, sessionLimits.open - 1);
  assert.deepEqual(decodeCommand(encodeCommand(command)), command);
  session.leftOpen(first + sessionLimits.open - 1);
  assert.equal(session.acknowledge(sessionLimits.refreshMs, true), undefined);
  assert.equal(session.unacknowledged, false);
});

test("clients that come back wear a session out as those do that were left without an answer", () => {
  const session = new Session(id, 0);
  const first = session.take(sessionLimits.open);
  for (let i = 0; i < sessionLimits.open; i++) session.delivered(first + i);
  assert.equal(session.worn, false);
  for (let i = 0; i < sessionLimits.open; i++) session.leftOpen(first + i);
  assert.equal(session.worn, true);
});

test("a session repeats soon what was lost, even that it is there", () => {
  const session = new Session(id, 0);
  session.delivered(session.take());
  assert.equal(session.acknowledge(1_000)?.below, 2);
  session.acknowledgementLost();
  assert.equal(session.acknowledge(2_000)?.below, 2);
  const laterMs = 2_000 + sessionLimits.refreshMs;
  assert.equal(session.acknowledge(laterMs)?.below, 2);
  session.acknowledgementLost();
  assert.equal(session.acknowledge(laterMs + sessionLimits.acknowledgeMs)?.below, 2);
});

test("in whatever order answers and clients come, what is acknowledged is what was delivered before the first gap and not asked for since", () => {
  const ends = fc.array(fc.tuple(fc.nat(30), fc.boolean()), { maxLength: 60 });
  fc.assert(
    fc.property(ends, (course) => {
      const session = new Session(id, 0);
      session.take(31);
      const state = new Map<number, "over" | "open">();
      let below = 1;
      for (const [offset, open] of course) {
        const sequence = offset + 1;
        if (open) {
          session.leftOpen(sequence);
          if (sequence >= below) state.set(sequence, "open");
        } else {
          session.delivered(sequence);
          if (!state.has(sequence)) state.set(sequence, "over");
        }
        while (state.has(below)) below++;
        const expected = [...state].filter(([s, kind]) => kind === "open" && s < below).map(([s]) => s);
        assert.deepEqual(session.acknowledge(0, true), {
          kind: "acknowledge",
          session: id,
          below,
          open: expected.sort((a, b) => a - b),
        });
      }
    }),
  );
});
