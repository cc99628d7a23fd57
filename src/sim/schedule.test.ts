import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Machine } from "./machine.ts";
import { Schedule } from "./schedule.ts";

const never = (_machine: Machine | undefined, error: unknown): void => {
  throw error;
};

describe("a schedule", () => {
  test("runs events in the order of their time, and of their making where that is the same", async () => {
    const schedule = new Schedule(1, never);
    const ran: string[] = [];
    schedule.after(5, () => ran.push("third"));
    schedule.after(1, () => ran.push("first"));
    schedule.after(5, () => ran.push("fourth"));
    schedule.after(2, () => ran.push("second"));
    schedule.after(11, () => ran.push("too late"));
    await schedule.run(10);
    assert.deepEqual(ran, ["first", "second", "third", "fourth"]);
    assert.equal(schedule.now, 10);
  });

  test("lets everything that an event's promises lead to happen before the next event", async () => {
    const schedule = new Schedule(1, never);
    const ran: string[] = [];
    schedule.after(1, () => {
      void (async () => {
        for (let i = 0; i < 10; i++) await Promise.resolve();
        ran.push("awaited");
      })();
    });
    schedule.after(1, () => ran.push("next"));
    await schedule.run(2);
    assert.deepEqual(ran, ["awaited", "next"]);
  });

  test("loses what was meant for a life that is over", async () => {
    const schedule = new Schedule(1, never);
    const machine = new Machine(schedule, { name: "one" });
    const ran: string[] = [];
    machine.begin();
    schedule.for(machine, 5, "timer", () => ran.push("of the first life"));
    schedule.after(1, () => {
      machine.end();
      schedule.for(machine, 1, "timer", () => ran.push("of no life"));
      machine.begin();
      schedule.for(machine, 5, "timer", () => ran.push("of the second life"));
    });
    await schedule.run(10);
    assert.deepEqual(ran, ["of the second life"]);
  });

  test("keeps what comes to a stopped machine until it goes on, but for what is cancelled meanwhile", async () => {
    const schedule = new Schedule(1, never);
    const machine = new Machine(schedule, { name: "one" });
    const ran: string[] = [];
    machine.begin();
    schedule.for(machine, 1, "input", () => ran.push(`first at ${schedule.now}`));
    schedule.for(machine, 2, "input", () => ran.push(`second at ${schedule.now}`));
    const cancelled = schedule.for(machine, 3, "timer", () => ran.push("cancelled"));
    machine.pause();
    schedule.after(5, () => {
      cancelled.run = undefined;
      machine.resume();
    });
    await schedule.run(10);
    assert.deepEqual(ran, ["first at 5", "second at 5"]);
  });

  test("tells whose turn it was when an error was thrown, and goes on", async () => {
    const told: unknown[] = [];
    const schedule = new Schedule(1, (machine, error) => told.push(machine?.name, error));
    const machine = new Machine(schedule, { name: "one" });
    machine.begin();
    schedule.for(machine, 1, "timer", () => {
      throw new Error("of one");
    });
    let went = false;
    schedule.after(2, () => {
      went = true;
    });
    await schedule.run(3);
    assert.deepEqual(told, ["one", new Error("of one")]);
    assert.ok(went);
  });

  test("rejects the run under way with what it failed of", async () => {
    const schedule = new Schedule(1, never);
    schedule.after(1, () => schedule.fail(new Error("broken")));
    schedule.after(2, () => assert.fail("nothing runs behind it"));
    await assert.rejects(schedule.run(3), /broken/);
  });

  test("has the same hash for the same seed, and another for another", async () => {
    const hashOf = async (seed: number): Promise<number> => {
      const schedule = new Schedule(seed, never);
      const again = (): void => {
        schedule.note(schedule.between(0, 1_000));
        schedule.after(schedule.random() * 3, again);
      };
      again();
      await schedule.run(100);
      return schedule.hash;
    };
    assert.equal(await hashOf(7), await hashOf(7));
    assert.notEqual(await hashOf(7), await hashOf(8));
  });
});

describe("a machine's clock", () => {
  test("runs at its own rate and begins anywhere", async () => {
    const schedule = new Schedule(1, never);
    const machine = new Machine(schedule, { name: "fast", rate: 1.05 });
    const before = machine.clock;
    await schedule.run(1_000);
    assert.ok(Math.abs(machine.clock - before - 1_050) < 1e-6);
    assert.equal(machine.trueMs(1_050), 1_000);
  });
});
