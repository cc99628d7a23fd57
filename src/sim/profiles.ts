/**
 * What kind of trouble a history has. Many bugs need several faults of one kind close together, which a draw from all
 * kinds hardly ever gives: so most histories have a theme, with faults that belong together, often, and where they
 * hurt.
 */
import type { Schedule } from "./schedule.ts";

export const faultKinds = [
  "kill",
  "kill several",
  "kill all",
  "lose power",
  "lose all power",
  "pause",
  "stop",
  "split",
  "cut off",
  "cut one way",
  "slow",
  "weather",
  "mangle",
  "hang disk",
  "slow disk",
  "fail sync",
  "fill disk",
  "flip bit",
  "cut log",
  "lose log",
  "damage database",
  "empty disk",
  "jump clock",
  "conspire",
  "slumber",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Profile {
  /** Drawn from, evenly: one that stands there twice is twice as likely. */
  readonly kinds: readonly FaultKind[];
  /** On average. */
  readonly everyMs: number;
  /** How likely something falls when something delicate happens in a process. */
  readonly strike: number;
  /** The same, when a shopper was just told of his order. */
  readonly strikeAnswer: number;
  /** How likely what is meant for all befalls all, and not just one. */
  readonly all: number;
  /** How likely a fault befalls the leader, or a front-end, and not just anyone. */
  readonly leader: number;
  readonly frontend: number;
}

interface Theme {
  readonly kinds: readonly FaultKind[];
  readonly everyMs: readonly number[];
  readonly strike: readonly number[];
  readonly strikeAnswer: readonly number[];
  readonly leader: readonly number[];
  readonly frontend: number;
  readonly all: number;
}

const themes: readonly Theme[] = [
  // What was promised, and was not on the disk.
  {
    kinds: [
      "lose power",
      "lose all power",
      "lose all power",
      "kill",
      "slow disk",
      "hang disk",
      "fail sync",
      "conspire",
    ],
    everyMs: [800, 2_000],
    strike: [0, 0.05, 0.3],
    strikeAnswer: [0, 0.01, 0.05],
    leader: [0, 0.5],
    frontend: 0,
    all: 0.8,
  },
  // Leaders that come and go.
  {
    kinds: ["kill", "pause", "cut off", "cut one way", "split", "weather", "mangle", "mangle", "slow"],
    everyMs: [150, 300, 800],
    strike: [0, 0.05, 0.2],
    strikeAnswer: [0, 0.01],
    leader: [0.3, 0.7],
    frontend: 0,
    all: 0.3,
  },
  // Replicas that have forgotten something.
  {
    kinds: [
      "flip bit",
      "flip bit",
      "cut log",
      "cut log",
      "lose log",
      "empty disk",
      "lose power",
      "kill",
      "cut off",
      "mangle",
      "conspire",
      "conspire",
      "conspire",
    ],
    everyMs: [800, 2_000],
    strike: [0, 0.05],
    strikeAnswer: [0, 0.02],
    leader: [0.2, 0.6],
    frontend: 0,
    all: 0.3,
  },
  // Processes that do not know what time it is.
  {
    kinds: [
      "pause",
      "pause",
      "cut one way",
      "cut off",
      "slow",
      "slow",
      "weather",
      "kill",
      "slumber",
      "slumber",
    ],
    everyMs: [150, 400, 1_000],
    strike: [0, 0.1],
    strikeAnswer: [0, 0.02],
    leader: [0.2, 0.5],
    frontend: 0.4,
    all: 0.3,
  },
  // Leadership that is handed over in peace, while some hear of it late.
  {
    kinds: ["kill", "slow", "slow", "slumber", "slumber", "slumber"],
    everyMs: [1_500, 3_000],
    strike: [0],
    strikeAnswer: [0],
    leader: [0.3],
    frontend: 0.6,
    all: 0.3,
  },
  // Replicas that were away for so long that their peers' logs do not reach back.
  {
    kinds: ["kill several", "kill all", "damage database", "lose power", "cut off", "lose log", "fill disk"],
    everyMs: [800, 2_000],
    strike: [0],
    strikeAnswer: [0],
    leader: [0, 0.4],
    frontend: 0,
    all: 0.5,
  },
];

const themeChance = 0.7;

export function drawProfile(schedule: Schedule): Profile {
  if (schedule.chance(themeChance)) {
    const { kinds, everyMs, strike, strikeAnswer, leader, frontend, all } = schedule.pick(themes);
    return {
      kinds,
      everyMs: schedule.pick(everyMs),
      strike: schedule.pick(strike),
      strikeAnswer: schedule.pick(strikeAnswer),
      leader: schedule.pick(leader),
      frontend,
      all,
    };
  }
  const share = schedule.pick([0.15, 0.4, 1]);
  const drawn = faultKinds.filter(() => schedule.chance(share));
  return {
    kinds: drawn.length > 0 ? drawn : faultKinds,
    everyMs: schedule.pick([300, 800, 2_000, 5_000]),
    strike: schedule.pick([0, 0, 0.05, 0.3]),
    strikeAnswer: 0,
    leader: 0,
    frontend: 0,
    all: 0.3,
  };
}
