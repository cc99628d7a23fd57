/**
 * Conversations with a front-end, many at once. Every reply must be well-formed and in its turn; every request that is
 * clear gets one. What all of it did is compared with what was told: no refused request had an effect.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { failuresOf } from "./case-target.ts";
import { cutUp } from "./mutations.ts";
import { readReplies } from "./replies.ts";
import type { Budget, Failure, TargetReport } from "./report.ts";
import { type Conversation, conversations, goodbye, readCalls } from "./requests.ts";
import { Ledger, livesOf, residentOf, type Subject } from "./subject.ts";

const answerWithinMs = 40_000;
const lanes = 16;
/** Lanes mostly find the same. */
const failuresShown = 3;
/** About so many requests has a conversation. */
const requestsPerConversation = 6;
/** How much each process may grow after a tenth of the run; caches and heaps fill up, leaks go on. */
const grownMiBMax = 192;

/** All that comes back until the server hangs up; what it had said when it hung up hard counts too. */
export async function exchange(
  port: number,
  pieces: readonly Uint8Array[],
  halfClose: boolean,
): Promise<Buffer> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const received: Buffer[] = [];
  try {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("error", () => undefined);
    // The server ends its side when it has said all.
    socket.once("end", () => resolve());
    socket.once("close", () => resolve());
    const timer = setTimeout(
      () => reject(new Error("the server neither answered nor hung up")),
      answerWithinMs,
    );
    for (const piece of pieces) {
      if (!socket.writable) break;
      socket.write(piece);
      await turn();
    }
    if (halfClose) socket.end();
    await promise.finally(() => clearTimeout(timer));
  } finally {
    socket.destroy();
  }
  return Buffer.concat(received);
}

interface Tally {
  requests: number;
  answered: number;
  readonly statuses: Map<number, number>;
}

/** What failed, with what was said, which is easier to read than bytes. */
async function told(given: Conversation, run: (given: Conversation) => Promise<void>): Promise<void> {
  try {
    await run(given);
  } catch (error) {
    const said = given.requests.map(({ bytes }) => shown(bytes)).join("\n      ");
    throw new Error(
      `${String(error)}\n      ${said}\n      cut at ${given.cuts}, half closed: ${given.halfClosed}`,
    );
  }
}

async function converse(port: number, given: Conversation, ledger: Ledger, tally: Tally): Promise<void> {
  const clear = given.requests.every(({ framed }) => framed);
  const requests = clear && !given.halfClosed ? [...given.requests, goodbye] : given.requests;
  const bytes = Buffer.concat(requests.map((request) => request.bytes));
  const received = await exchange(port, cutUp(bytes, given.cuts), !clear || given.halfClosed);
  const replies = readReplies(received, requests);
  tally.requests += requests.length;
  tally.answered += replies.length;
  for (const [i, reply] of replies.entries()) {
    tally.statuses.set(reply.status, (tally.statuses.get(reply.status) ?? 0) + 1);
    const request = requests[Math.min(i, requests.length - 1)];
    if (request?.method === "POST" && reply.status === 200) ledger.note(reply.body);
    if (request !== undefined && reply.status === 504) ledger.unknown += request.changes;
    if (reply.status >= 500 && request?.framed === true) {
      assert.ok(
        request.failures.includes(reply.status),
        `an undocumented ${reply.status} of ${shown(request.bytes)}`,
      );
    }
  }
  const over = replies.findIndex(({ closes }) => closes);
  const framed = requests.filter((request) => request.framed);
  const due = over === -1 ? framed.length : Math.min(over + 1, framed.length);
  for (const { changes } of framed.slice(replies.length)) ledger.unknown += changes;
  assert.ok(
    replies.length >= due,
    `${replies.length} replies to ${framed.length} requests: ${shown(bytes)}, got ${shown(received)}`,
  );
  assert.ok(replies.length <= requests.length + 1, "no more replies than requests");
}

const shown = (bytes: Buffer): string => JSON.stringify(bytes.subarray(0, 300).toString("latin1"));

/** Conversations in parallel lanes, each a run of fast-check of its own. */
async function runLanes(
  count: number,
  { seed, path }: Pick<Budget, "seed" | "path">,
  given: fc.Arbitrary<Conversation>,
  run: (conversation: Conversation) => Promise<void>,
  ms: number,
): Promise<Failure[]> {
  const lane = async (number: number): Promise<Failure[]> => {
    const result = await fc.check(fc.asyncProperty(given, run), {
      seed: seed + number,
      numRuns: path === undefined ? Math.ceil(count / lanes) : 1,
      interruptAfterTimeLimit: ms,
      markInterruptAsFailure: false,
      ...(path !== undefined && { path }),
    });
    return failuresOf("http", result as fc.RunDetails<unknown>);
  };
  const found = await Promise.all(Array.from({ length: path === undefined ? lanes : 1 }, (_, i) => lane(i)));
  return found.flat().slice(0, failuresShown);
}

function grownOf(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after]
    .map(([name, mib]) => ({ name, grown: mib - (before.get(name) ?? 0) }))
    .filter(({ grown }) => grown > grownMiBMax)
    .map(({ name, grown }) => `${name} grew by ${grown} MiB`);
}

const listed = (map: ReadonlyMap<unknown, number>): string =>
  [...map]
    .sort()
    .map(([key, value]) => `${key}: ${value}`)
    .join(", ");

export async function runHttpTarget(subject: Subject, budget: Budget): Promise<TargetReport> {
  const started = performance.now();
  const lives = await livesOf(subject);
  const given = conversations(readCalls(await subject.get("/openapi.json")));
  const ledger = new Ledger();
  const tally: Tally = { requests: 0, answered: 0, statuses: new Map() };
  const { port } = subject.market;
  const run = (conversation: Conversation): Promise<void> =>
    told(conversation, (said) => converse(port, said, ledger, tally));
  const count = Math.ceil(budget.count / requestsPerConversation);
  const failures: Failure[] = [];
  failures.push(...(await runLanes(count / 10, budget, given, run, budget.ms / 10)));
  const warm = await residentOf(subject);
  if (budget.path === undefined && failures.length === 0) {
    const rest = { seed: budget.seed + lanes };
    failures.push(...(await runLanes((count * 9) / 10, rest, given, run, (budget.ms * 9) / 10)));
  }
  const grown = grownOf(warm, await residentOf(subject));
  assert.deepEqual(await livesOf(subject), lives, "no process has died");
  const wrong = [...(await ledger.differences(subject)), ...grown];
  failures.push(...wrong.map((what) => ({ what, replay: "" })));
  return {
    target: "http",
    unit: "requests",
    count: tally.requests,
    seconds: (performance.now() - started) / 1_000,
    figures: {
      replies: listed(tally.statuses),
      effects: `${ledger.placed.size} orders, ${ledger.added.size} items, ${ledger.unknown} outcomes unknown`,
      "MiB after a tenth": listed(warm),
      "MiB at the end": listed(await residentOf(subject)),
      "bound of growth": `${grownMiBMax} MiB each`,
    },
    failures,
    late: [],
  };
}
