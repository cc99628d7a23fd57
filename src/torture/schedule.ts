/**
 * When which faults strike: pure, drawn from a seed. The same seed, kinds and shape draw the same rounds for ever; what
 * becomes of them differs, because processes, disks and networks are real.
 *
 * A round is a fault, or two or three that overlap, and the time that everybody has to come back. Kinds are dealt from a
 * shuffled deck, so that a short run meets each of them.
 *
 * What every round keeps:
 *
 * - its faults touch different things (fault-kinds.ts);
 * - it harms the disks of no more than a minority of the replicas, and a round that harms a disk waits until all replicas
 *   are whole: so much is promised to be survived, and no more;
 * - whatever it does ends, and nobody is left behind: a majority always comes back.
 */
import { assert, present } from "../base/assert.ts";
import { integerBetween, type Random, seededRandom } from "../base/random.ts";
import { type FaultKind, factsOf, type Target, type Touched, targets } from "./fault-kinds.ts";

/** How many of each process there are. */
export interface Shape {
  readonly orders: number;
  readonly frontends: number;
  readonly catalogs: number;
}

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly target: Target;
  /** From the beginning of its round. */
  readonly afterMs: number;
  /** 0: it takes as long as it takes. */
  readonly lastsMs: number;
  /** What else there is to be drawn when it strikes: which follower, which bit. */
  readonly seed: number;
}

export interface Round {
  /** One at least, in the order of their beginnings. */
  readonly faults: readonly PlannedFault[];
  /** Whether all must be whole before the next round; else the next one meets whatever is under way yet. */
  readonly settles: boolean;
  /** Rest before the next round. */
  readonly restMs: number;
}

const faultsPerRoundMax = 3;
const restMsMax = 600;
/** The second fault of a round meets the first one's consequences: its beginning, an election, the way back. */
const offsetsMs = [0, 40, 400, 1_500] as const;
/** A round that harms nothing on a disk may leave others to its successor. */
const unsettledShare = 0.3;
const seedMax = 2 ** 48;

/** The most disks that may be harmed at a time. */
export function minorityOf(orders: number): number {
  return Math.floor((orders - 1) / 2);
}

/** What this fault cannot strike in a market of this shape. */
function exists(target: Target, { orders, catalogs }: Shape): boolean {
  const touched: readonly Touched[] = targets[target];
  if (touched.includes("catalog") && catalogs === 0 && target !== "one after the other") return false;
  return orders > 1 || target === "all" || target === "front-end" || target === "catalog";
}

/** Whether a kind has something to strike. */
export function strikes(kind: FaultKind, shape: Shape): boolean {
  if (factsOf(kind).harmsDisk && minorityOf(shape.orders) === 0) return false;
  return factsOf(kind).targets.some((target) => exists(target, shape));
}

/** Whether a further fault may strike in the same round. */
function fits(faults: readonly PlannedFault[], further: PlannedFault, shape: Shape): boolean {
  const harmed = [...faults, further].filter(({ kind }) => factsOf(kind).harmsDisk).length;
  if (harmed > minorityOf(shape.orders)) return false;
  const touched = new Set<Touched>(faults.flatMap(({ target }) => targets[target]));
  return targets[further.target].every((one) => !touched.has(one));
}

function pick<T>(random: Random, values: readonly T[]): T {
  return present(values[integerBetween(random, 0, values.length - 1)], "a value");
}

function shuffled<T>(random: Random, values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

function drawFault(random: Random, kind: FaultKind, afterMs: number, shape: Shape): PlannedFault {
  const facts = factsOf(kind);
  const target = pick(
    random,
    facts.targets.filter((one) => exists(one, shape)),
  );
  const { low, high } = facts.lasts ?? { low: 0, high: 0 };
  const lastsMs = low === 0 ? 0 : Math.round(low * (high / low) ** random());
  return { kind, target, afterMs, lastsMs, seed: integerBetween(random, 0, seedMax) };
}

/** Rounds without end. Every kind must have something to strike. */
export function* schedule(seed: number, kinds: readonly FaultKind[], shape: Shape): Generator<Round, never> {
  assert(kinds.length > 0, "a schedule needs faults");
  assert(
    kinds.every((kind) => strikes(kind, shape)),
    "every kind has something to strike",
  );
  const random = seededRandom(seed);
  let deck: FaultKind[] = [];
  const deal = (): FaultKind => {
    if (deck.length === 0) deck = shuffled(random, kinds);
    return present(deck.pop(), "a kind");
  };
  for (;;) {
    const wanted = pick(random, [1, 2, 2, faultsPerRoundMax]);
    const faults = [drawFault(random, deal(), 0, shape)];
    // Enough cards to find a partner, few enough to come to an end: what does not fit begins a later round.
    const aside: FaultKind[] = [];
    for (let tries = 0; faults.length < wanted && tries < kinds.length; tries++) {
      const kind = deal();
      const afterMs = Math.round(random() * pick(random, offsetsMs));
      const further = drawFault(random, kind, afterMs, shape);
      if (fits(faults, further, shape)) faults.push(further);
      else aside.push(kind);
    }
    deck.push(...aside.reverse());
    const harmful = faults.some(({ kind }) => factsOf(kind).harmsDisk);
    yield {
      faults: faults.sort((a, b) => a.afterMs - b.afterMs),
      settles: harmful || random() >= unsettledShare,
      restMs: Math.round(random() * restMsMax),
    };
  }
}
