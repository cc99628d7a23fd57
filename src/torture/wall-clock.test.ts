import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cannotSetClock, WallClock } from "./wall-clock.ts";

const hourSeconds = 3_600;

/** What a new process makes of the wall clock, and how long it thinks that a timer of 50 ms took. */
async function ask(clock: WallClock): Promise<{ readonly wall: number; readonly took: number }> {
  const script =
    "const at = performance.now(); setTimeout(() => console.log(JSON.stringify({ wall: Date.now(), took: performance.now() - at })), 50);";
  const child = spawn(process.execPath, ["-e", script], {
    env: { ...process.env, ...clock.environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await once(child, "close");
  return JSON.parse(said) as { wall: number; took: number };
}

test("a process goes by the clock that is set, and its timers do not", {
  skip: cannotSetClock,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-clock-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const clock = new WallClock(join(directory, "clock"));
  for (const offset of [0, hourSeconds, -24 * hourSeconds]) {
    clock.set(offset);
    const { wall, took } = await ask(clock);
    const wrongSeconds = (wall - Date.now()) / 1_000 - offset;
    assert.ok(Math.abs(wrongSeconds) < 60, `${wrongSeconds} s from ${offset}`);
    assert.ok(took >= 45 && took < 30_000, `a timer of 50 ms took ${took} ms`);
  }
  assert.match(clock.catchUp(), /3600 s/, "it shows what it has shown before");
  assert.equal(clock.catchUp(), "");
});
