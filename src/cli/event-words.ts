/** The timeline's events in words, one line each. */
import type { TimelineEvent } from "../supervisor/timeline.ts";

export type Tone = "good" | "bad" | "notable" | "quiet";

interface Told {
  readonly tone: Tone;
  readonly words: string;
}

const replica = (id: number | null): string => (id === null || id === 0 ? "nobody" : `order-${id}`);
const database = { log: "log", store: "database" } as const;

function exited(event: Extract<TimelineEvent["event"], { kind: "process-exited" }>): Told {
  const how = event.signal === null ? `ended with code ${event.code}` : `was ended by ${event.signal}`;
  if (event.wanted) return { tone: "quiet", words: how };
  if (event.restartInMs === null) return { tone: "bad", words: how };
  const next = event.restartInMs === 0 ? "restarting" : `restarting in ${event.restartInMs} ms`;
  return { tone: "bad", words: `${how}; ${next}` };
}

const tellers: {
  readonly [Kind in TimelineEvent["event"]["kind"]]: (
    event: Extract<TimelineEvent["event"], { readonly kind: Kind }>,
  ) => Told;
} = {
  "process-started": ({ pid }) => ({ tone: "quiet", words: `started as process ${pid}` }),
  "process-ready": ({ tookMs }) => ({ tone: "good", words: `ready after ${tookMs} ms` }),
  "process-exited": exited,
  "process-paused": () => ({ tone: "notable", words: "paused" }),
  "process-resumed": () => ({ tone: "notable", words: "goes on" }),
  "link-cut": ({ peer, oneWay }) => {
    return { tone: "notable", words: oneWay ? `no longer reaches ${peer}` : `is cut off from ${peer}` };
  },
  "link-slowed": ({ delayMs, loss }) => {
    if (delayMs === 0 && loss === 0) return { tone: "notable", words: "its links are slow no more" };
    const stalls = loss === 0 ? "" : ` and stall with probability ${loss}`;
    return { tone: "notable", words: `its links are ${delayMs} ms slow${stalls}` };
  },
  "links-healed": () => ({ tone: "notable", words: "its links are healed" }),
  "process-failed": ({ message }) => ({ tone: "bad", words: `FAILED: ${message}` }),
  "state-changed": ({ state, leader, term }) => {
    const tone = state === "leader" ? "good" : state === "recovering" ? "bad" : "notable";
    const follows = state === "follower" ? ` of ${replica(leader)}` : "";
    return { tone, words: `is ${state}${follows} in term ${term}` };
  },
  "vote-granted": ({ to, term }) => ({ tone: "notable", words: `votes for ${replica(to)} in term ${term}` }),
  "peer-connected": ({ peer }) => ({ tone: "quiet", words: `connected to ${peer}` }),
  "members-changed": ({ members }) => {
    const names = members.map(({ id, role }) => (role === "voter" ? `order-${id}` : `order-${id} (learner)`));
    return { tone: "notable", words: `the members are ${names.join(", ")}` };
  },
  "peer-lost": ({ peer }) => ({ tone: "notable", words: `lost ${peer}` }),
  "entries-committed": ({ from, to, position }) => {
    const entries = from === to ? `entry ${from}` : `entries ${from} to ${to}`;
    return { tone: "quiet", words: `committed ${entries}, position ${position}` };
  },
  "suffix-truncated": ({ from, to }) => {
    return { tone: "notable", words: `dropped uncommitted entries ${from} to ${to}` };
  },
  "leadership-transferred": ({ to }) => ({ tone: "notable", words: `hands leadership to ${replica(to)}` }),
  "tail-cut": ({ bytes }) => ({ tone: "notable", words: `cut ${bytes} unfinished bytes from its log's end` }),
  "recovery-started": ({ what, reason }) => ({
    tone: "bad",
    words: `recovers its ${database[what]} from the others: ${reason}`,
  }),
  "recovery-finished": ({ what }) => ({ tone: "good", words: `has recovered its ${database[what]}` }),
  "snapshot-started": ({ from, position }) => {
    return { tone: "notable", words: `copies the state at position ${position} from ${from}` };
  },
  "snapshot-installed": ({ from, position }) => {
    return { tone: "good", words: `has the state at position ${position}, copied from ${from}` };
  },
  "log-compacted": ({ through }) => ({ tone: "quiet", words: `dropped its log up to entry ${through}` }),
  "disk-full": () => ({
    tone: "bad",
    words: "its disk is full: it takes no new entries until there is room",
  }),
  "disk-freed": () => ({ tone: "good", words: "its disk has room again" }),
  "lease-granted": ({ holder, session }) => ({
    tone: "quiet",
    words: `leases to ${holder} (session ${session})`,
  }),
  "lease-ended": ({ holder, session }) => {
    return { tone: "notable", words: `the lease of ${holder} ended (session ${session})` };
  },
  "lease-lapsed": ({ session }) => {
    return { tone: "notable", words: `its lease lapsed, its cache was dropped (session ${session})` };
  },
  "feed-following": ({ replica: name, position }) => {
    return { tone: "notable", words: `follows the changes of ${name} from position ${position}` };
  },
  "session-opened": ({ session }) => ({ tone: "quiet", words: `opened session ${session}` }),
  "leader-seen": ({ leader, term }) => {
    return { tone: "notable", words: `sees ${replica(leader)} lead in term ${term}` };
  },
  "orders-resent": ({ count }) => {
    return { tone: "notable", words: `resent ${count} request${count === 1 ? "" : "s"}` };
  },
  warning: ({ message }) => ({ tone: "bad", words: message }),
};

function tellEvent<Event extends TimelineEvent["event"]>(event: Event): Told {
  // Each kind's teller takes events of that kind, which the compiler cannot follow through the table.
  const tell = tellers[event.kind] as (event: Event) => Told;
  return tell(event);
}

/** An event in words, without its process and time. */
export function eventWords(event: TimelineEvent["event"]): string {
  return tellEvent(event).words;
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
  if (!name.startsWith("order-")) return name.startsWith("catalog-") ? "\u001b[92m" : "\u001b[94m";
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
