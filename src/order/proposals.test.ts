import assert from "node:assert/strict";
import { test } from "node:test";
import { OperatingFailure } from "../base/failure.ts";
import { type Term, term } from "../base/units.ts";
import { decodeBatch, encodeCommand } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import type { FrontendLink } from "./frontend-link.ts";
import { Proposals } from "./proposals.ts";

const command: Command = { kind: "open-session" };
const bytes = encodeCommand(command);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Proposals over a log that is a list, and a link that writes down what it is told. */
function desk(options: { refuses?: OperatingFailure } = {}) {
  const appended: { payload: Uint8Array; token: number }[] = [];
  const failed: string[] = [];
  const state: { fence: Term | undefined } = { fence: term(1) };
  const proposals = new Proposals({
    fence: () => state.fence,
    append: (payload, _commands, _fence, token) => {
      if (options.refuses !== undefined) throw options.refuses;
      appended.push({ payload, token });
    },
    wallClock: () => 1_000,
  });
  const link = {
    fail: (ticket: number, code: string) => failed.push(`${ticket} ${code}`),
  } as unknown as FrontendLink;
  const add = (...tickets: number[]): void => {
    for (const ticket of tickets) proposals.add(command, bytes, { link, ticket });
  };
  return { proposals, appended, failed, state, add };
}

test("what comes in one go is one entry", async () => {
  const { appended, add } = desk();
  add(1, 2, 3);
  await settled();
  assert.equal(appended.length, 1);
  assert.equal(decodeBatch((appended[0] as { payload: Uint8Array }).payload).commands.length, 3);
});

test("while two entries are under way the next one collects, and leaves when one is committed", async () => {
  const { proposals, appended, add } = desk();
  for (const ticket of [1, 2, 3, 4]) {
    add(ticket);
    await settled();
  }
  assert.equal(appended.length, 2);
  proposals.take((appended[0] as { token: number }).token);
  await settled();
  assert.equal(appended.length, 3);
  assert.equal(decodeBatch((appended[2] as { payload: Uint8Array }).payload).commands.length, 2);
});

test("a committed entry names its askers once", async () => {
  const { proposals, appended, add } = desk();
  add(7, 8);
  await settled();
  const { token } = appended[0] as { token: number };
  assert.deepEqual(
    proposals.take(token)?.askers.map((asker) => asker?.ticket),
    [7, 8],
  );
  assert.equal(proposals.take(token), undefined);
});

test("when leadership ends, what was appended is unknown and what waited is certainly not done", async () => {
  const { proposals, failed, add } = desk();
  add(1);
  await settled();
  add(2);
  await settled();
  add(3);
  proposals.abandon();
  assert.deepEqual(failed, ["1 outcome-unknown", "2 outcome-unknown", "3 not-leader"]);
});

test("an entry that the log refused is refused to its askers for the log's reason", async () => {
  const { failed, add } = desk({ refuses: new OperatingFailure("unavailable", "full") });
  add(1, 2);
  await settled();
  assert.deepEqual(failed, ["1 unavailable", "2 unavailable"]);
});

test("without a fence nothing is appended and every asker is told that this replica does not lead", async () => {
  const { appended, failed, state, add } = desk();
  state.fence = undefined;
  add(1, 2);
  await settled();
  assert.deepEqual(appended, []);
  assert.deepEqual(failed, ["1 not-leader", "2 not-leader"]);
});

test("more than may wait is refused at once, and definitely", () => {
  const { failed, add } = desk();
  for (let ticket = 1; ticket <= 100_001; ticket++) add(ticket);
  assert.deepEqual(failed, ["100001 unavailable"]);
});
