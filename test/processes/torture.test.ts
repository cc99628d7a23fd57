/**
 * A minute of everything at once, as `bazaar torture` does it: real processes under load, every fault that this machine
 * can do, and all that clients saw judged. Its seed is drawn anew each time; a failure names it, and what was kept.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { allFaultKinds } from "../../src/torture/fault-kinds.ts";
import type { TortureReport } from "../../src/torture/report.ts";
import { bazaar } from "../supervisor/system-under-test.ts";

const entry = fileURLToPath(new URL("../../bin/bazaar.mjs", import.meta.url));

async function tortured(
  t: TestContext,
  ...words: string[]
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [entry, "torture", ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  t.after(async () => {
    // It ends its market itself.
    if (child.exitCode === null) child.kill("SIGTERM");
    await closed;
  });
  const ran = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    ran.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    ran.stderr += text;
  });
  const [code] = (await closed) as [number | null];
  return { code, ...ran };
}

test("a minute of all faults that can be done here breaks no promise, and those that cannot are named", async (t) => {
  const { code, stdout, stderr } = await tortured(t, "--seconds", "60", "--faults", "all", "--json");
  assert.equal(code, 0, `${stdout}${stderr}`);
  const { seed, faults, notRun, operations, anomalies } = JSON.parse(stdout) as TortureReport;
  assert.deepEqual(anomalies, []);
  const named = [...Object.keys(faults), ...notRun.map(({ kind }) => kind)].sort();
  assert.deepEqual(named, [...allFaultKinds].sort(), "every kind is told of");
  for (const { kind, why } of notRun) t.diagnostic(`seed ${seed}, not run: ${kind}, because it ${why}`);
  const struck = Object.values(faults).reduce((sum, count) => sum + count, 0);
  assert.ok(struck >= 5, `only ${struck} faults were done`);
  assert.ok(operations.ordersPlaced > 100 && operations.reads > 100, JSON.stringify(operations));
  t.diagnostic(`seed ${seed}: ${struck} faults, ${operations.judged} operations judged`);
});

test("a fault that there is not is refused, with the way to their names", async () => {
  const { code, stderr } = await bazaar("torture", "--faults", "kill,flood");
  assert.equal(code, 2);
  assert.match(stderr, /There is no fault flood/);
  const { stdout } = await bazaar("torture", "--help");
  for (const kind of allFaultKinds) assert.match(stdout, new RegExp(kind));
});
