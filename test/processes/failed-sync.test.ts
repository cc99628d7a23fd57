/**
 * A disk that says once that it could not sync. What it holds then nobody knows, and asking again proves nothing: the
 * process that was told so ends, is started again, and reads what is there; clients that retry notice nothing more.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { eventually, type Market } from "./market.test-support.ts";
import { agree, opened, replicaDirectory, segmentsOf } from "./recovery.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

const strace = spawnSync("strace", ["--version"]);
const cannotInject: string | false = strace.status === 0 ? false : "needs strace: apt-get install strace";

/** The next sync of this file fails in the process; resolves when that is certain to happen. */
async function failNextSync(t: TestContext, pid: number, path: string): Promise<void> {
  const syncs = "fsync,fdatasync";
  const words = [
    "-f",
    "-p",
    `${pid}`,
    "-P",
    path,
    "-e",
    `trace=${syncs}`,
    "-e",
    `inject=${syncs}:error=EIO:when=1`,
  ];
  const tracer: ChildProcess = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(tracer, "exit");
  t.after(async () => {
    tracer.kill("SIGKILL");
    await ended;
  });
  let said = "";
  tracer.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await eventually("strace to be attached", () => {
    if (tracer.exitCode !== null) throw new Error(`strace ended: ${said}`);
    return /attached/.test(said);
  });
}

/** The file that a replica's log is written to. */
function openSegment(market: Market, name: string): string {
  return present(segmentsOf(market.logDirectory(name)).at(-1), "a segment").path;
}

const cases = [
  { name: "the leader's log", who: async (market: Market) => await market.leader(), file: openSegment },
  {
    name: "a follower's log",
    who: async (market: Market) => present((await market.followers())[0], "a follower"),
    file: openSegment,
  },
  {
    name: "a follower's database",
    who: async (market: Market) => present((await market.followers())[0], "a follower"),
    file: (market: Market, name: string) => `${replicaDirectory(market, name)}/orders.sqlite-wal`,
  },
] as const;

test("a replica whose disk fails a sync ends and starts again, and clients that retry lose nothing", {
  skip: cannotInject,
}, async (t) => {
  const { market, ledger } = await opened(t);
  const timeline = await Timeline.watch(market);
  for (const { name, who, file } of cases) {
    await t.test(name, async (t) => {
      await ledger.place(20);
      await market.whole();
      const victim = await who(market);
      const { pid, restarts } = await market.process(victim);
      const exited = timeline.next(victim, "process-exited");
      const ready = timeline.next(victim, "process-ready");
      market.causeEnd(victim);
      await failNextSync(t, present(pid, "its pid"), file(market, victim));
      await ledger.place(200);
      const { code, wanted } = await exited;
      assert.deepEqual([code, wanted], [1, false]);
      await ready;
      await ledger.place(20);
      await agree(market, ledger);
      assert.equal((await market.process(victim)).restarts, restarts + 1);
    });
  }
});
