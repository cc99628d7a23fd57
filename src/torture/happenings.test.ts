import assert from "node:assert/strict";
import { test } from "node:test";
import { type Happened, Happenings } from "./happenings.ts";

type Event = Happened["event"];

function seen(...events: readonly (readonly [string, Event])[]): Happenings {
  const happenings = new Happenings();
  for (const [process, event] of events) happenings.see({ at: 0, process, event });
  return happenings;
}

const started = (pid: number): Event => ({ kind: "process-started", pid });
const exited = (code: number | null, signal: string | null, wanted = false): Event => {
  return { kind: "process-exited", code, signal, wanted, restartInMs: 0 };
};

test("a process that ends without having been struck is a finding", () => {
  const { unexpected } = seen(["order-1", started(10)], ["order-1", exited(1, null)]);
  assert.deepEqual(unexpected, ["order-1 (process 10) ended by itself with code 1"]);
});

test("one that was struck, or stopped by its supervisor, is none; its next life's end is one again", () => {
  const happenings = seen(["order-1", started(10)]);
  happenings.doom(10);
  happenings.see({ at: 0, process: "order-1", event: exited(null, "SIGKILL") });
  happenings.see({ at: 0, process: "order-2", event: started(20) });
  happenings.see({ at: 0, process: "order-2", event: exited(null, "SIGKILL", true) });
  assert.deepEqual(happenings.unexpected, []);
  happenings.see({ at: 0, process: "order-1", event: started(11) });
  happenings.see({ at: 0, process: "order-1", event: exited(null, "SIGSEGV") });
  assert.deepEqual(happenings.unexpected, ["order-1 (process 11) ended by itself with SIGSEGV"]);
});

test("one that is given up is a finding, whoever killed it", () => {
  const { unexpected } = seen(["catalog-1", { kind: "process-failed", message: "it ended five times" }]);
  assert.deepEqual(unexpected, ["catalog-1 was given up: it ended five times"]);
});

test("what happens is counted, and warnings are told once", () => {
  const warning = { kind: "warning", message: "no majority answers" } as const;
  const elected = { kind: "state-changed", state: "leader", term: 1, leader: 1 } as const;
  const follower = { kind: "state-changed", state: "follower", term: 1, leader: 1 } as const;
  const { counts, warnings } = seen(
    ["order-1", elected],
    ["order-2", follower],
    ["frontend-1", { kind: "orders-resent", count: 3 }],
    ["frontend-2", { kind: "orders-resent", count: 4 }],
    ["order-1", warning],
    ["order-1", warning],
  );
  assert.equal(counts.elections, 1);
  assert.equal(counts.resent, 7);
  assert.deepEqual([...warnings], ["order-1: no majority answers"]);
});

test("who waits for an event has the next that fits, or nothing when time is over", async () => {
  const happenings = seen(["order-1", started(1)]);
  const next = happenings.next(({ process: name }) => name === "order-1", 60_000);
  happenings.see({ at: 1, process: "order-2", event: started(2) });
  happenings.see({ at: 2, process: "order-1", event: started(3) });
  assert.deepEqual(await next, { at: 2, process: "order-1", event: started(3) });
  assert.equal(await happenings.next(() => true, 0), undefined);
});
