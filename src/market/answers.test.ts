import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { position, ticks } from "../base/units.ts";
import type { Held } from "./answers.ts";
import { allAnswers, heldAnswer, holdAnswer, noAnswers, releaseAnswer } from "./answers.ts";
import { inSession } from "./fixture.test-support.ts";

function held(sequence: number): Held {
  const reply = {
    kind: "refused",
    position: position(1),
    refusal: { reason: "side-not-allowed", side: "buy" },
  } as const;
  const outcome = { kind: "reply", reply } as const;
  const answer = {
    id: inSession(sequence),
    body: [0, 0, 0, 0],
    tick: ticks(0),
    position: position(1),
    outcome,
  } as const;
  return { sequence, answer, hash: [0, 0, 0, 0] };
}

test("a session's answers behave like a map, for dense and for wild sequences", () => {
  const sequence = fc.oneof(
    fc.nat({ max: 600 }),
    fc.nat({ max: 20 }).map((n) => n * 256),
    fc.maxSafeNat(),
  );
  const steps = fc.array(fc.tuple(fc.boolean(), sequence), { maxLength: 600, size: "max" });
  fc.assert(
    fc.property(steps, (list) => {
      const [answers, model] = [noAnswers(), new Map<number, Held>()];
      for (const [adding, at] of list) {
        assert.equal(heldAnswer(answers, at), model.get(at));
        if (adding && !model.has(at)) {
          const one = held(at);
          holdAnswer(answers, one);
          model.set(at, one);
        } else if (!adding) {
          assert.equal(releaseAnswer(answers, at), model.get(at));
          model.delete(at);
        }
        assert.equal(answers.size, model.size);
      }
      const ascending = [...model.values()].sort((a, b) => a.sequence - b.sequence);
      assert.deepEqual(allAnswers(answers), ascending);
    }),
    { numRuns: 50 },
  );
});
