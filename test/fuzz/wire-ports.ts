/**
 * The ports that our own processes dial, spoken to by strangers and by peers that have gone mad. Who does not know the
 * cluster's name gets no further than the hello. Who knows it is trusted, so nothing that can be understood is said
 * here in the name of a replica, nor any command in the name of a front-end; all else is: garbage, and well-formed
 * frames with parts changed. It may only close the connection that it came on.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteReader, DecodeError } from "../../src/base/bytes.ts";
import { helloFrame, writeHello } from "../../src/wire/hello.ts";
import { readSubmissions, serviceFrames } from "../../src/wire/service.ts";
import { failuresOf } from "./case-target.ts";
import { bytesOf, history, requestFrames } from "./corpus.ts";
import { readRaftFrame } from "./decoders.ts";
import { framed } from "./framing.ts";
import { exchange } from "./http.ts";
import { cuts, cutUp, mutated } from "./mutations.ts";
import type { Budget, TargetReport } from "./report.ts";
import { livesOf, type Subject } from "./subject.ts";

const lanes = 8;
/** About so many, the hello among them. */
const framesPerVisit = 7;

const roles = ["order", "frontend", "catalog", "copier"] as const;
type Role = (typeof roles)[number];

interface Visit {
  /** Which of the ports. */
  readonly port: number;
  readonly role: Role;
  readonly hello: "right" | "wrong" | "none";
  readonly frames: readonly Uint8Array[];
  /** As frames, or as they are, without lengths. */
  readonly framing: "frames" | "bytes";
  readonly cuts: readonly number[];
}

function isUnderstood(read: () => void): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return false;
  }
}

/** Whether a trusted peer may be made to say this: it harms nobody, or nobody understands it. */
function isHarmless(role: Role, frame: Uint8Array): boolean {
  const kind = frame[0] ?? 0;
  const body = (): ByteReader => new ByteReader(frame, 1);
  if (role === "order") return !isUnderstood(() => readRaftFrame(kind, body()));
  if (role !== "frontend") return true;
  // Another's lease and another's commands are a front-end's own business.
  if (kind === serviceFrames.acknowledgement || kind === serviceFrames.leaseEnd) return true;
  return kind !== serviceFrames.submit || !isUnderstood(() => readSubmissions(body()).length > 0);
}

function visits(ports: readonly number[]): fc.Arbitrary<Visit> {
  const frames = fc.array(mutated(requestFrames(history())), { maxLength: 12 });
  return fc.record({
    port: fc.constantFrom(...ports),
    role: fc.constantFrom(...roles),
    hello: fc.constantFrom("right", "right", "right", "right", "wrong", "none"),
    frames,
    framing: fc.constantFrom("frames", "frames", "frames", "bytes"),
    cuts,
  });
}

function bytesOfVisit({ role, hello, frames, framing }: Visit, cluster: string): Buffer {
  const said = { cluster: hello === "wrong" ? "another" : cluster, role, name: "mad", id: 9, incarnation: 1 };
  const greeting = framed(Uint8Array.of(helloFrame, ...bytesOf((body) => writeHello(body, said))));
  const harmless = hello === "right" ? frames.filter((frame) => isHarmless(role, frame)) : frames;
  const rest = harmless.map((frame) => (framing === "frames" ? framed(frame) : frame));
  return Buffer.concat(hello === "none" ? rest : [greeting, ...rest]);
}

export async function runWireTarget(subject: Subject, budget: Budget): Promise<TargetReport> {
  const started = performance.now();
  const lives = await livesOf(subject);
  const { market } = subject;
  const ports = [...(await market.ports("order")).values(), ...(await market.ports("catalog")).values()];
  const { cluster } = market;
  let frames = 0;
  const visit = async (given: Visit): Promise<void> => {
    const bytes = bytesOfVisit(given, cluster);
    // That the other side hangs up, now that this one has, is all that is promised.
    await exchange(given.port, cutUp(bytes, given.cuts), true);
    frames += given.frames.length + 1;
  };
  const lane = async (number: number) =>
    failuresOf(
      "wire",
      (await fc.check(fc.asyncProperty(visits(ports), visit), {
        seed: budget.seed + number,
        numRuns: budget.path === undefined ? Math.ceil(budget.count / lanes / framesPerVisit) : 1,
        interruptAfterTimeLimit: budget.ms,
        markInterruptAsFailure: false,
        ...(budget.path !== undefined && { path: budget.path }),
      })) as fc.RunDetails<unknown>,
    );
  const found = await Promise.all(
    Array.from({ length: budget.path === undefined ? lanes : 1 }, (_, number) => lane(number)),
  );
  assert.deepEqual(await livesOf(subject), lives, "no process has died");
  const wrong = await market.differences("--deep");
  return {
    target: "wire",
    unit: "frames",
    count: frames,
    seconds: (performance.now() - started) / 1_000,
    figures: { ports: ports.length },
    failures: [...found.flat(), ...(wrong === "" ? [] : [{ what: wrong, replay: "" }])],
    late: [],
  };
}
