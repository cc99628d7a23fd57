/**
 * The published protocol is tried as our own system is, and convicted: that the simulator and the checkers find what is
 * known to be wrong is what makes their silence about our own system worth something.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import { formatVerdict, verifyHistory } from "../check/main.ts";
import type { Recording } from "../check/smallest.ts";
import { convict, formatConviction, isAsExpected, type Proof } from "./course-conviction.ts";
import { runTasks } from "./runner.ts";

const seconds = 20;

const kindsOf = (proofs: readonly Proof[]) => proofs.map(({ kind }) => kind);

async function verdictOn({ header, operations }: Recording) {
  const text = [header, ...operations].map((line) => `${JSON.stringify(line)}\n`).join("");
  return await verifyHistory(Readable.from([text]));
}

test("it is convicted of losing orders, of doubling them, and of taking stock for none", async (t) => {
  const from = randomInt(1, 2 ** 40);
  const options = { from, seeds: 400, seconds, faults: true, workers: 2 };
  const conviction = await convict(options);
  const { proofs, missing, histories, rejected } = conviction;
  t.diagnostic(`seeds from ${from}: ${proofs.map((one) => `${one.kind} ${one.histories}`).join(", ")}`);
  assert.deepEqual(missing, [], `seeds from ${from}`);
  assert.ok(isAsExpected(conviction, options));
  for (const kind of ["lost", "doubled", "unrecorded"] as const) assert.ok(kindsOf(proofs).includes(kind));
  assert.ok(rejected > 0 && rejected <= histories);
  for (const { kind, seed, recording } of proofs) {
    const result = await verdictOn(recording);
    assert.equal(result.kind, "illegal", `${kind}, seed ${seed}: ${formatVerdict(result)}`);
  }
  assert.match(formatConviction(conviction, options), /CONVICTED, as it must be/);
});

test("a seed proves the same again, in another process", async () => {
  const from = randomInt(1, 2 ** 40);
  const once = async (): Promise<readonly string[]> => {
    const told: string[] = [];
    const task = { ms: seconds * 1_000, faults: true, traced: false, log: "course" } as const;
    await runTasks({
      tasks: [0, 1, 2, 3].map((i) => ({ ...task, seed: from + i })),
      workers: 1,
      answered: (answer) => {
        told.push(JSON.stringify(answer.kind === "ok" ? answer.verdict : [answer.message, answer.history]));
        return false;
      },
    });
    return told;
  };
  assert.deepEqual(await once(), await once(), `seeds from ${from}`);
});

test("undisturbed, one thing after another, it is accepted", async () => {
  const options = { from: randomInt(1, 2 ** 40), seeds: 10, seconds, faults: false, workers: 1 };
  const conviction = await convict(options);
  const { histories, rejected, operations, missing } = conviction;
  assert.deepEqual({ histories, rejected, missing }, { histories: 10, rejected: 0, missing: [] });
  assert.ok(operations > 10 * 22, "every order, and more");
  assert.ok(isAsExpected(conviction, options));
});

test("it is not as expected where something was not found, or where what is undisturbed is rejected", () => {
  const none = { histories: 1, rejected: 1, operations: 1, proofs: [], realSeconds: 1 };
  const options = { from: 1, seeds: 1, seconds };
  const underFaults = { ...options, faults: true };
  assert.ok(!isAsExpected({ ...none, missing: ["lost"] }, underFaults));
  assert.match(
    formatConviction({ ...none, missing: ["lost"] }, underFaults),
    /NOT FOUND: lost.*\n.*\nNOT CONVICTED of lost/,
  );
  const undisturbed = { ...options, faults: false };
  assert.ok(!isAsExpected({ ...none, missing: [] }, undisturbed));
  assert.match(formatConviction({ ...none, missing: [] }, undisturbed), /NOT ACCEPTED/);
});
