import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { enterWorld } from "./clock.ts";
import { Machine } from "./machine.ts";
import { Schedule } from "./schedule.ts";
import { appendFile, readFile, removeTextFiles, textAt, writeFile } from "./text-files.ts";

afterEach(() => {
  enterWorld(undefined);
  removeTextFiles();
});

function begin(): { schedule: Schedule; machine: Machine } {
  const schedule = new Schedule(1, (_, error) => schedule.fail(error));
  enterWorld(schedule);
  const machine = new Machine(schedule, { name: "one" });
  machine.begin();
  return { schedule, machine };
}

test("what was written outlives the process that wrote it", async () => {
  const { schedule, machine } = begin();
  let read: string | undefined;
  schedule.for(machine, 0, "input", () => {
    void writeFile("/one/log", "a\n").then(() => appendFile("/one/log", "b\n"));
  });
  await schedule.run(10);
  machine.end();
  machine.begin();
  schedule.for(machine, 0, "input", () => {
    void readFile("/one/log").then((text) => {
      read = text;
    });
  });
  await schedule.run(20);
  assert.equal(read, "a\nb\n");
  assert.equal(textAt("/one/log"), "a\nb\n");
});

test("what a process that is killed at once has asked for is not written", async () => {
  const { schedule, machine } = begin();
  schedule.for(machine, 0, "input", () => {
    void writeFile("/one/log", "a\n");
  });
  await schedule.run(0);
  machine.end();
  await schedule.run(10);
  assert.equal(textAt("/one/log"), undefined);
});

test("a file that nobody has written is not there", async () => {
  const { schedule, machine } = begin();
  let code: unknown;
  schedule.for(machine, 0, "input", () => {
    readFile("/one/none").catch((error: NodeJS.ErrnoException) => {
      code = error.code;
    });
  });
  await schedule.run(10);
  assert.equal(code, "ENOENT");
});
