/** One supervised process with a real child: a few lines of Node that speak the supervisor's protocol. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ProcessLog } from "./process-log.ts";
import { SupervisedProcess } from "./supervised-process.ts";

const program = `
process.on("message", ({ kind }) => { if (kind === "stop") process.exit(0); });
process.on("disconnect", () => process.exit(1));
process.send({ kind: "ready" });
`;

interface Started {
  readonly process: SupervisedProcess;
  /** Resolves when it has become ready once more than at the last call. */
  ready(): Promise<void>;
}

/** Ends as one whose fsync failed: by itself, with 1, in the middle of its work. */
const failing = `
process.on("message", ({ kind }) => { if (kind === "watch") process.exit(1); });
process.send({ kind: "ready" });
`;

function start(t: TestContext, script = program): Started {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-supervised-"));
  const log = new ProcessLog(join(directory, "order-1.log"));
  let next = Promise.withResolvers<void>();
  const supervised = new SupervisedProcess(
    {
      name: "order-1",
      role: "order",
      id: 1,
      host: "127.0.0.1",
      port: 0,
      command: [process.execPath, "-e", script],
      log,
    },
    {
      timeline: ({ event }) => {
        if (event.kind === "process-ready") next.resolve();
      },
      changed: () => undefined,
      cluster: () => Promise.reject(new Error("nobody asks")),
    },
  );
  t.after(async () => {
    supervised.kill(true);
    await supervised.stop();
    log.close();
    rmSync(directory, { recursive: true, force: true });
  });
  supervised.spawn();
  const ready = async (): Promise<void> => {
    await next.promise;
    next = Promise.withResolvers<void>();
  };
  return { process: supervised, ready };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // no such process any more
  }
}

test("a process that was killed and restarted is gone when its stop resolves", async (t) => {
  const { process: supervised, ready } = start(t);
  await ready();
  const first = supervised.pid;
  supervised.kill(false);
  await ready();
  const second = supervised.pid;
  assert.ok(second !== undefined && second !== first);
  await supervised.stop();
  assert.equal(supervised.pid, undefined);
  assert.equal(isAlive(second), false);
  assert.equal(supervised.life, "down");
});

test("a replica that ends by itself while it works, as after a failed fsync, is started again each time", async (t) => {
  const { process: supervised, ready } = start(t, failing);
  for (let lives = 1; lives <= 4; lives++) {
    await ready();
    assert.equal(supervised.restarts, lives - 1);
    assert.equal(supervised.life, "ready");
    supervised.setWatched(true);
    supervised.setWatched(false);
  }
});
