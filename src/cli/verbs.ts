/**
 * Every verb with its flags, once: from this table the command line is parsed and `--help` is printed. The verbs'
 * code is loaded only when one is used, because most of the time that a command takes is loading.
 */
import { requestLimits } from "../base/limits.ts";
import { allFaultKinds } from "../torture/fault-kinds.ts";
import { linkLimits } from "../wire/link-faults.ts";
import type { FlagValues, VerbSpec } from "./flags.ts";

const data = {
  kind: "text",
  value: "DIR",
  default: "data",
  help: "the system's data directory",
} as const;

const json = { kind: "switch", help: "print JSON" } as const;

const portMax = 65_535;
const mebibytesMax = 1024 * 1024;

export const verbs = {
  up: {
    summary: "start everything, run until Ctrl-C",
    operands: [],
    flags: {
      market: {
        kind: "text",
        value: "NAME|FILE",
        help: "stocks, toys, books or a market file (default: as the data has it, else stocks)",
      },
      port: {
        kind: "integer",
        value: "N",
        min: 0,
        max: portMax,
        default: 8_000,
        help: "public port, 0: any free one",
      },
      host: { kind: "text", value: "ADDRESS", default: "127.0.0.1", help: "address to listen on" },
      orders: {
        kind: "choice",
        choices: ["1", "3", "5"],
        help: "order replicas (default: as the data has it, else 3)",
      },
      log: {
        kind: "choice",
        choices: ["embedded", "course"],
        default: "embedded",
        help: "where orders are kept; course: a published protocol, for teaching: UNSAFE, loses and doubles orders",
      },
      frontends: { kind: "integer", value: "N", min: 1, max: 8, default: 1, help: "front-ends" },
      catalogs: { kind: "integer", value: "N", min: 0, max: 8, default: 2, help: "catalogs" },
      cache: {
        kind: "integer",
        value: "N|off",
        off: true,
        min: 0,
        max: 100_000,
        default: 64,
        help: "replies that each front-end may keep",
      },
      "log-keep": {
        kind: "number",
        value: "MIB",
        min: 0,
        max: mebibytesMax,
        default: 256,
        help: "log kept on disk for replicas that come back",
      },
      "log-segment": {
        kind: "number",
        value: "MIB",
        min: 0.0625,
        max: 1_024,
        default: 64,
        help: "largest file of the log",
      },
      data,
    },
    notes: [
      "The market and the order replicas belong to the data (see `member`); all else may differ at every start.",
      "BAZAAR_TOKEN, if set, must be sent as `Authorization: Bearer` to change items, list orders or control processes.",
    ],
  },
  status: { summary: "what runs, who leads, positions", operands: [], flags: { data, json } },
  watch: { summary: "one live timeline of what all processes do", operands: [], flags: { data, json } },
  down: { summary: "stop everything", operands: [], flags: { data } },
  kill: {
    summary: "end a process, or `leader`, the hard way (SIGKILL); it is started again",
    operands: ["NAME"],
    flags: { "stay-down": { kind: "switch", help: "leave it down until `start NAME`" }, data },
  },
  start: { summary: "start a process that is down or has failed", operands: ["NAME"], flags: { data } },
  pause: { summary: "stop a process in its tracks (SIGSTOP)", operands: ["NAME"], flags: { data } },
  resume: { summary: "let a paused process go on (SIGCONT)", operands: ["NAME"], flags: { data } },
  cut: {
    summary: "cut the link between two processes, as a network partition does; `leader` is a name too",
    operands: ["A", "B"],
    flags: {
      "one-way": { kind: "switch", help: "only what A sends to B does not arrive" },
      data,
    },
    notes: [
      "What is sent into a cut link is held and arrives after `heal`; nothing is refused or closed. Clients are not cut off.",
    ],
  },
  slow: {
    summary: "delay all that a process sends to others or receives from them by MS milliseconds",
    operands: ["NAME", "MS"],
    flags: {
      loss: {
        kind: "number",
        value: "P",
        min: 0,
        max: linkLimits.lossMax,
        default: 0,
        help: "probability of a further delay of 200 ms, as by a packet that is lost and sent again",
      },
      data,
    },
    notes: ["`slow NAME 0` ends it. Clients' connections are not slowed."],
  },
  heal: { summary: "end every `cut` and `slow`", operands: [], flags: { data } },
  member: {
    summary:
      "add an order replica while orders flow, or remove one; a lost one is replaced by remove, then add",
    operands: ["add|remove", "[NAME]"],
    flags: { data },
    notes: [
      "A new replica is fed first, and votes once it has caught up. One that leads hands over before it is removed.",
      "What would leave no majority that answers is refused: it could not be undone.",
    ],
  },
  repair: {
    summary: "let an order replica whose database is not trusted build it anew; the old one is kept",
    operands: ["NAME"],
    flags: { data },
  },
  check: {
    summary: "compare the order replicas' states; exit 3 if they differ",
    operands: [],
    flags: { deep: { kind: "switch", help: "recompute each state from its database" }, data, json },
  },
  shop: {
    summary: "be clients: look up, order, verify every order; exit 3 on a mismatch",
    operands: [],
    flags: {
      url: { kind: "text", value: "URL", help: "the front-end (default: that of the data directory)" },
      clients: { kind: "integer", value: "N", min: 1, max: 10_000, default: 5, help: "clients at once" },
      p: {
        kind: "number",
        value: "P",
        min: 0,
        max: 1,
        default: 0.8,
        help: "probability of ordering what is in stock",
      },
      iterations: {
        kind: "integer",
        value: "N",
        min: 1,
        max: 1e9,
        help: "rounds of each client (default 100)",
      },
      seconds: { kind: "number", value: "S", min: 0.1, max: 1e6, help: "run for so long instead" },
      rate: {
        kind: "number",
        value: "R",
        min: 0.01,
        max: 1e6,
        help: "rounds a second, all clients together",
      },
      seed: {
        kind: "integer",
        value: "N",
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        default: 1,
        help: "decides what is bought; the same seed repeats the choices",
      },
      sides: { kind: "choice", choices: ["buy", "sell", "mix"], default: "mix", help: "which orders" },
      quantity: { kind: "text", value: "A..B", default: "1..10", help: "units of an order" },
      items: { kind: "text", value: "uniform|zipf|NAME,…", default: "uniform", help: "which items" },
      mode: {
        kind: "choice",
        choices: ["session", "mixed", "lookup", "order", "query"],
        default: "session",
        help: "what a client does",
      },
      record: { kind: "text", value: "FILE", help: "write the history, for `verify`" },
      alone: {
        kind: "switch",
        help: "say in the recording that nobody else orders: values are checked exactly",
      },
      data,
      json,
    },
  },
  sim: {
    summary: "simulate the whole system from seeds; exit 3 if a promise was broken",
    operands: [],
    flags: {
      seed: {
        kind: "integer",
        value: "S",
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        help: "this history alone, with all that happens in it",
      },
      seeds: {
        kind: "integer",
        value: "N",
        min: 1,
        max: 10_000_000,
        default: 100,
        help: "so many histories",
      },
      from: {
        kind: "integer",
        value: "S",
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        help: "the first seed (default: one that was not run yet; course: 1)",
      },
      minutes: {
        kind: "number",
        value: "M",
        min: 0,
        max: 100_000,
        help: "of real time, instead of --seeds",
      },
      seconds: {
        kind: "number",
        value: "S",
        min: 1,
        max: 100_000,
        help: "virtual, of each history, until its faults end (default 120; course: 20)",
      },
      "no-faults": { kind: "switch", help: "nothing fails" },
      log: {
        kind: "choice",
        choices: ["embedded", "course"],
        default: "embedded",
        help: "which system; course: the published protocol, until it is convicted",
      },
      json,
    },
    notes: [
      "With --log course exit 0 means that it lost, doubled and forgot orders, 3 that not all of that was found.",
    ],
  },
  verify: {
    summary: "check a recorded history for linearizability; exit 3 if it is not",
    operands: ["FILE"],
    flags: {
      linearizable: {
        kind: "switch",
        help: "search for an order that explains all answers, also in a large history",
      },
      smallest: { kind: "switch", help: "print the first violation in as few operations as it takes" },
      json,
    },
  },
  torture: {
    summary: "break a market of its own in every way there is, under load; exit 3 on any anomaly",
    operands: [],
    flags: {
      seconds: { kind: "number", value: "S", min: 1, max: 1e6, default: 60, help: "faults for so long" },
      faults: {
        kind: "text",
        value: "all|LIST",
        default: "all",
        help: "which: names, or beginnings of names such as kill, separated by commas",
      },
      seed: {
        kind: "integer",
        value: "N",
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        help: "decides which faults come when (default: another one each time, and it is told)",
      },
      clients: { kind: "integer", value: "N", min: 1, max: 1_000, default: 24, help: "clients at once" },
      rate: { kind: "number", value: "R", min: 1, max: 1e5, default: 300, help: "orders a second" },
      orders: { kind: "choice", choices: ["1", "3", "5"], default: "3", help: "order replicas" },
      frontends: { kind: "integer", value: "N", min: 1, max: 8, default: 2, help: "front-ends" },
      catalogs: { kind: "integer", value: "N", min: 0, max: 8, default: 2, help: "catalogs" },
      record: { kind: "text", value: "FILE", help: "keep the history, for `verify`" },
      json,
    },
    notes: [
      `Faults: ${allFaultKinds.join(", ")}.`,
      "The same seed draws the same faults in the same order; when exactly they strike, and whom, differs with real processes.",
      "Some need tools or root: strace, libfaketime, mount. What cannot be done is named.",
    ],
  },
  log: {
    summary: "a replica's log, each command with its outcome",
    operands: ["show", "NAME"],
    flags: {
      from: {
        kind: "integer",
        value: "N",
        min: 1,
        max: Number.MAX_SAFE_INTEGER,
        default: 1,
        help: "first entry",
      },
      limit: {
        kind: "integer",
        value: "N",
        min: 1,
        max: 1e9,
        default: requestLimits.pageMax,
        help: "entries",
      },
      data,
      json,
    },
  },
  process: {
    summary: "run one process under its supervisor",
    operands: [],
    flags: {
      role: { kind: "choice", choices: ["order", "catalog", "frontend"], help: "what it is" },
      name: { kind: "text", value: "NAME", help: "its name" },
      log: { kind: "choice", choices: ["embedded", "course"], help: "which kind" },
      run: { kind: "text", value: "TOKEN", help: "marks the processes of one run" },
      data,
    },
    internal: true,
  },
} as const satisfies Record<string, VerbSpec>;

export type Verb = keyof typeof verbs;
export type FlagsOf<V extends Verb> = FlagValues<(typeof verbs)[V]["flags"]>;
