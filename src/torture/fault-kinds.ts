/**
 * The faults that a torture knows: what each is in words, and what it touches. Two faults may strike together unless they
 * touch the same thing: a process that stands still is not to be damaged too, and the wall clock jumps once at a time.
 */

/** A role in the market, or something that all processes share. */
export type Touched =
  | "leader"
  | "follower"
  | "front-end"
  | "catalog"
  | "links"
  | "space"
  | "clock"
  | "everything";

interface FaultFacts {
  readonly words: string;
  /** One of these; which is drawn. */
  readonly targets: readonly [Target, ...Target[]];
  /** What is on the disk of its target is lost or damaged. */
  readonly harmsDisk?: true;
  /** It lasts so long, milliseconds, as many of each order of magnitude; without: as long as it takes. */
  readonly lasts?: { readonly low: number; readonly high: number };
}

/** Whom a fault strikes: what of the market it touches. */
export const targets = {
  leader: ["leader"],
  follower: ["follower"],
  "front-end": ["front-end"],
  catalog: ["catalog"],
  "leader and follower": ["leader", "follower"],
  "leader and front-end": ["leader", "front-end"],
  "follower and catalog": ["follower", "catalog"],
  "all front-ends": ["front-end"],
  "all catalogs": ["catalog"],
  "all replicas": ["leader", "follower"],
  all: ["everything"],
  // Each process in turn.
  "one after the other": ["leader", "follower", "front-end", "catalog"],
  // What has lost its disk numbers its lives by the wall clock (wall-clock.ts).
  "leader's disk": ["leader", "clock"],
  "follower's disk": ["follower", "clock"],
  // A link has an end at a replica; both go on running.
  "leader's links": ["links"],
  "follower's links": ["links"],
  "leader's space": ["space"],
  "follower's space": ["space"],
  "everybody's space": ["space"],
  "everybody's clock": ["clock"],
} as const satisfies Record<string, readonly Touched[]>;

export type Target = keyof typeof targets;

const still = { low: 100, high: 5_000 } as const;
const severed = { low: 300, high: 5_000 } as const;

export const faultKinds = {
  "kill-leader": { words: "the leader killed", targets: ["leader"] },
  "kill-follower": { words: "a follower killed", targets: ["follower"] },
  "kill-front-end": { words: "a front-end killed", targets: ["front-end"] },
  "kill-catalog": { words: "a catalog killed", targets: ["catalog"] },
  "kill-several": {
    words: "several processes killed at once",
    targets: [
      "leader and follower",
      "leader and front-end",
      "follower and catalog",
      "all front-ends",
      "all catalogs",
      "all replicas",
    ],
  },
  /** About as long as a lease: the front-end wakes up with one of the dead leader's, and requests that wait. */
  "kill-unseen": {
    words: "the leader killed while a front-end stands still for a moment",
    targets: ["leader and front-end"],
    lasts: { low: 120, high: 280 },
  },
  "kill-all": { words: "everything killed at once", targets: ["all"] },
  "pause-leader": { words: "the leader stopped for a while", targets: ["leader"], lasts: still },
  "pause-follower": { words: "a follower stopped for a while", targets: ["follower"], lasts: still },
  "pause-front-end": { words: "a front-end stopped for a while", targets: ["front-end"], lasts: still },
  "pause-catalog": { words: "a catalog stopped for a while", targets: ["catalog"], lasts: still },
  "pause-several": {
    words: "several processes stopped for a while",
    targets: ["leader and follower", "leader and front-end", "follower and catalog", "all replicas"],
    lasts: still,
  },
  stutter: {
    words: "processes stopped again and again for moments",
    targets: ["leader", "front-end", "leader and front-end", "all replicas"],
    lasts: { low: 800, high: 4_000 },
  },
  "cut-link": {
    words: "a link cut",
    targets: ["leader's links", "follower's links"],
    lasts: severed,
  },
  "cut-one-way": {
    words: "a link cut in one direction",
    targets: ["leader's links", "follower's links"],
    lasts: severed,
  },
  isolate: {
    words: "a replica cut off from everybody",
    targets: ["leader's links", "follower's links"],
    lasts: severed,
  },
  "isolate-one-way": {
    words: "a replica that hears nobody, or is heard by nobody",
    targets: ["leader's links", "follower's links"],
    lasts: severed,
  },
  "slow-links": {
    words: "a replica's links slow",
    targets: ["leader's links", "follower's links"],
    lasts: severed,
  },
  "lossy-links": {
    words: "a replica's links slow and lossy",
    targets: ["leader's links", "follower's links"],
    lasts: severed,
  },
  "failed-sync": {
    words: "a sync that the disk fails",
    targets: ["leader", "follower"],
    lasts: { low: 3_000, high: 3_000 },
  },
  "full-disk": {
    words: "a full disk",
    targets: ["leader's space", "follower's space", "everybody's space"],
    lasts: { low: 1_000, high: 6_000 },
  },
  "flipped-bit": { words: "a bit flipped in a log", targets: ["leader", "follower"], harmsDisk: true },
  "torn-log": { words: "a log cut short", targets: ["leader", "follower"], harmsDisk: true },
  "lost-disk": {
    words: "a replica's disk, log or database lost",
    targets: ["leader's disk", "follower's disk"],
    harmsDisk: true,
  },
  "clock-jump": { words: "the wall clock set", targets: ["everybody's clock"] },
  "rolling-restart": {
    words: "all processes restarted in turn, in order",
    targets: ["one after the other"],
  },
  "hand-over": {
    words: "leadership handed over to the highest id, and one of the two struck then",
    targets: ["leader and follower"],
  },
} as const satisfies Record<string, FaultFacts>;

export type FaultKind = keyof typeof faultKinds;

export const allFaultKinds = Object.keys(faultKinds) as readonly FaultKind[];

export function factsOf(kind: FaultKind): FaultFacts {
  return faultKinds[kind];
}

/**
 * What `--faults` asks for: `all`, or names separated by commas, of kinds or of all kinds that begin so (`kill`,
 * `pause-leader`). `undefined`, with the name that is none.
 */
export function chooseFaults(
  text: string,
): { readonly kinds: readonly FaultKind[] } | { readonly unknown: string } {
  if (text === "all") return { kinds: allFaultKinds };
  const chosen = new Set<FaultKind>();
  for (const name of text.split(",").map((word) => word.trim())) {
    const meant = allFaultKinds.filter((kind) => kind === name || kind.startsWith(`${name}-`));
    if (meant.length === 0) return { unknown: name };
    for (const kind of meant) chosen.add(kind);
  }
  return { kinds: allFaultKinds.filter((kind) => chosen.has(kind)) };
}
