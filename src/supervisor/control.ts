/**
 * What a command says to a running supervisor, over a socket in the data directory: one JSON object a line. Each
 * request has one reply, but `watch`, whose reply is followed by events until the client hangs up.
 */
import { linkLimits } from "../wire/link-faults.ts";
import type { ClusterStatus } from "../wire/process.ts";
import type { NamedDigest } from "./supervisor.ts";
import type { TimelineEvent } from "./timeline.ts";

export type ControlRequest =
  | { readonly verb: "status" }
  | { readonly verb: "digests" }
  | { readonly verb: "kill"; readonly name: string; readonly stayDown: boolean }
  | { readonly verb: "start" | "pause" | "resume" | "repair"; readonly name: string }
  | { readonly verb: "cut"; readonly a: string; readonly b: string; readonly oneWay: boolean }
  | { readonly verb: "slow"; readonly name: string; readonly delayMs: number; readonly loss: number }
  | { readonly verb: "heal" }
  | { readonly verb: "member-add" }
  | { readonly verb: "member-remove"; readonly name: string }
  | { readonly verb: "watch" }
  /** Answered when everything has stopped. */
  | { readonly verb: "down" };

export type ControlReply =
  | { readonly kind: "status"; readonly cluster: ClusterStatus }
  | { readonly kind: "digests"; readonly digests: readonly NamedDigest[] }
  /** What was done, in words. */
  | { readonly kind: "done"; readonly message: string }
  /** It could not be done, in words. */
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "event"; readonly event: TimelineEvent }
  /** The watcher is too slow: so many events were left out here. */
  | { readonly kind: "dropped"; readonly count: number };

export const controlLimits = {
  requestBytes: 4 * 1024,
  replyBytes: 16 * 1024 * 1024,
  clients: 64,
  /** What may wait for one watcher; beyond it events are counted instead of kept. */
  watcherBytes: 1024 * 1024,
} as const;

/** `supervisor.json`: how to reach the supervisor of a data directory; there while one runs, or was killed. */
export interface SupervisorFile {
  readonly pid: number;
  readonly run: string;
  readonly socket: string;
  readonly url: string;
}

const namedVerbs = ["kill", "start", "pause", "resume", "repair", "member-remove"];
const verbs = [...namedVerbs, "member-add", "cut", "slow", "heal", "status", "digests", "watch", "down"];

function isWithin(value: unknown, max: number): boolean {
  return typeof value === "number" && value >= 0 && value <= max;
}

/** `undefined`: the line is no request. */
export function parseRequest(line: string): ControlRequest | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { verb, name, stayDown, a, b, oneWay, delayMs, loss } = parsed as Record<string, unknown>;
  if (typeof verb !== "string" || !verbs.includes(verb)) return undefined;
  if ((namedVerbs.includes(verb) || verb === "slow") && typeof name !== "string") return undefined;
  if (verb === "kill" && typeof stayDown !== "boolean") return undefined;
  const isCut = typeof a === "string" && typeof b === "string" && typeof oneWay === "boolean";
  if (verb === "cut" && !isCut) return undefined;
  const isSlow = isWithin(delayMs, linkLimits.delayMsMax) && isWithin(loss, linkLimits.lossMax);
  if (verb === "slow" && !isSlow) return undefined;
  return parsed as ControlRequest;
}
