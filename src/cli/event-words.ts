/** The timeline's events in words, one line each. */
import { unreachable } from "../base/assert.ts";
import type { TimelineEvent } from "../supervisor/timeline.ts";

export type Tone = "good" | "bad" | "notable" | "quiet";

interface Told {
  readonly tone: Tone;
  readonly words: string;
}

const replica = (id: number | null): string => (id === null || id === 0 ? "nobody" : `order-${id}`);

function exited(event: Extract<TimelineEvent["event"], { kind: "process-exited" }>): Told {
  const how = event.signal === null ? `ended with code ${event.code}` : `was ended by ${event.signal}`;
  if (event.wanted) return { tone: "quiet", words: how };
  if (event.restartInMs === null) return { tone: "bad", words: how };
  const next = event.restartInMs === 0 ? "restarting" : `restarting in ${event.restartInMs} ms`;
  return { tone: "bad", words: `${how}; ${next}` };
}

function tellEvent(event: TimelineEvent["event"]): Told {
  switch (event.kind) {
    case "process-started":
      return { tone: "quiet", words: `started as process ${event.pid}` };
    case "process-ready":
      return { tone: "good", words: `ready after ${event.tookMs} ms` };
    case "process-exited":
      return exited(event);
    case "process-paused":
      return { tone: "notable", words: "paused" };
    case "process-resumed":
      return { tone: "notable", words: "goes on" };
    case "process-failed":
      return { tone: "bad", words: `FAILED: ${event.message}` };
    case "state-changed": {
      const tone = event.state === "leader" ? "good" : "notable";
      const follows = event.state === "follower" ? ` of ${replica(event.leader)}` : "";
      return { tone, words: `is ${event.state}${follows} in term ${event.term}` };
    }
    case "vote-granted":
      return { tone: "notable", words: `votes for ${replica(event.to)} in term ${event.term}` };
    case "peer-connected":
      return { tone: "quiet", words: `connected to ${event.peer}` };
    case "peer-lost":
      return { tone: "notable", words: `lost ${event.peer}` };
    case "entries-committed": {
      const entries =
        event.from === event.to ? `entry ${event.from}` : `entries ${event.from} to ${event.to}`;
      return { tone: "quiet", words: `committed ${entries}, position ${event.position}` };
    }
    case "suffix-truncated":
      return { tone: "notable", words: `dropped uncommitted entries ${event.from} to ${event.to}` };
    case "leadership-transferred":
      return { tone: "notable", words: `hands leadership to ${replica(event.to)}` };
    case "tail-cut":
      return { tone: "notable", words: `cut ${event.bytes} unfinished bytes from its log's end` };
    case "session-opened":
      return { tone: "quiet", words: `opened session ${event.session}` };
    case "leader-seen":
      return { tone: "notable", words: `sees ${replica(event.leader)} lead in term ${event.term}` };
    case "orders-resent":
      return { tone: "notable", words: `resent ${event.count} request${event.count === 1 ? "" : "s"}` };
    case "warning":
      return { tone: "bad", words: event.message };
    default:
      return unreachable(event);
  }
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Local time of day with milliseconds. */
function timeOfDay(at: number): string {
  const date = new Date(at);
  const seconds = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

const toneColours: Readonly<Record<Tone, string>> = {
  good: "\u001b[32m",
  bad: "\u001b[31m",
  notable: "\u001b[33m",
  quiet: "\u001b[2m",
};
const nameColours = ["\u001b[36m", "\u001b[35m", "\u001b[34m", "\u001b[96m", "\u001b[95m"];
const plain = "\u001b[0m";

function nameColour(name: string): string {
  if (!name.startsWith("order-")) return "\u001b[94m";
  return nameColours[Number(name.slice("order-".length)) % nameColours.length] ?? "";
}

const nameWidth = 10;

/** One line without its newline. */
export function eventLine({ at, process: name, event }: TimelineEvent, coloured: boolean): string {
  const { tone, words } = tellEvent(event);
  const padded = name.padEnd(nameWidth);
  if (!coloured) return `${timeOfDay(at)}  ${padded}  ${words}`;
  return `${timeOfDay(at)}  ${nameColour(name)}${padded}${plain}  ${toneColours[tone]}${words}${plain}`;
}

/** https://no-color.org: any value that is not empty. */
export function useColours(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb";
}
