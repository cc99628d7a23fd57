import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { startThread } from "./thread.ts";

test("a thread runs its module and what that imports as they were when the first such thread was started", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-thread-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write("package.json", '{"type":"module"}');
  write(
    "entry.ts",
    `import { parentPort, workerData } from "node:worker_threads";
     import type { Nothing } from "./nowhere.ts";
     import {
       answer,
     } from "./part.ts";
     const data: Nothing = workerData.data;
     parentPort?.postMessage([data, answer]);`,
  );
  write("part.ts", `import { deeper } from "./deeper.ts"; export const answer: number = deeper + 1;`);
  write("deeper.ts", "export const deeper: number = 41;");
  const said = async (): Promise<unknown> => {
    const thread = startThread(pathToFileURL(join(directory, "entry.ts")), "data");
    const [message] = (await once(thread, "message")) as [unknown];
    await thread.terminate();
    return message;
  };
  assert.deepEqual(await said(), ["data", 42]);
  write("deeper.ts", "this is no TypeScript at all");
  assert.deepEqual(await said(), ["data", 42]);
});
