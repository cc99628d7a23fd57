/**
 * What a good client feels of an assault: its p99 while it goes on against its p99 in quiet, in the same run. The bound
 * is twice as long, but no less than what one turn of a busy scheduler takes. Quiet is measured before and after, and
 * the longer counts: whatever else the machine has to do is not the assault's doing.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Assault, assaults } from "./assaults.ts";
import { type Measured, measure } from "./good-client.ts";
import type { Budget, Failure, TargetReport } from "./report.ts";
import { livesOf, residentOf, type Subject } from "./subject.ts";

const timesMax = 2;
const msP99Floor = 20;
const restMs = 1_000;

const words = ({ requests, failed, msP50, msP99, msMax }: Measured): string =>
  `p50 ${msP50} ms, p99 ${msP99} ms, max ${msMax} ms of ${requests}, ${failed} failed`;

interface Felt {
  readonly during: Measured;
  readonly count: number;
}

const child = fileURLToPath(new URL("assault-child.ts", import.meta.url));

/** A process of its own: the good client's times must not be those of a busy neighbour in one event loop. */
async function feel(port: number, { name }: Assault, ms: number): Promise<Felt> {
  const attacker = spawn(process.execPath, [child, name, `${port}`], { stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  attacker.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const closed = once(attacker, "close");
  try {
    await sleep(restMs);
    const during = await measure(port, ms);
    attacker.stdin.end();
    await closed;
    return { during, count: Number(said) };
  } finally {
    attacker.kill("SIGKILL");
  }
}

export async function runCrowdingTarget(subject: Subject, budget: Budget): Promise<TargetReport> {
  const started = performance.now();
  const lives = await livesOf(subject);
  const { port } = subject.market;
  const ms = budget.ms / (assaults.length * 2.5);
  const figures: Record<string, string> = {};
  const late: string[] = [];
  const failures: Failure[] = [];
  const good = (measured: Measured, when: string): Measured => {
    requests += measured.requests;
    figures[when] = words(measured);
    const { failed } = measured;
    if (failed > 0) failures.push({ what: `${failed} good requests failed: ${when}`, replay: "" });
    return measured;
  };
  let requests = 0;
  let before = good(await measure(port, ms), "quiet, at first");
  for (const assault of assaults) {
    const { during, count } = await feel(port, assault, ms);
    good(during, `${assault.name}, ${count} ${assault.unit}`);
    await sleep(restMs);
    const after = good(await measure(port, ms), `quiet, after ${assault.name}`);
    const bound = Math.max(msP99Floor, timesMax * Math.max(before.msP99, after.msP99));
    if (during.msP99 > bound) late.push(`${assault.name}: p99 ${during.msP99} ms, the bound is ${bound} ms`);
    before = after;
  }
  assert.deepEqual(await livesOf(subject), lives, "no process has died");
  figures["MiB at the end"] = [...(await residentOf(subject))]
    .map(([name, mib]) => `${name}: ${mib}`)
    .join(", ");
  const wrong = await subject.market.differences("--deep");
  if (wrong !== "") failures.push({ what: wrong, replay: "" });
  const seconds = (performance.now() - started) / 1_000;
  return { target: "crowding", unit: "requests", count: requests, seconds, figures, failures, late };
}
