/**
 * Of what a history of the published protocol convicts it. What its clients were told is judged by the checker that
 * judges our own system (check/linearizable.ts); by which fault it came is told by the files in the end: the replicas'
 * order logs, and the units that the catalog has given away.
 *
 * No two orders of an item have the same quantity, and each quantity is a power of four, while no order is tried more
 * than three times: so the units taken, written in base four, say of each order how often it took effect.
 *
 * A charge is brought only with a history that is rejected, made as small as it can be (check/smallest.ts).
 */
import { historyOf, type Operation } from "../check/history.ts";
import { checkLinearizable } from "../check/linearizable.ts";
import { type Faulty, type Recording, smallest } from "../check/smallest.ts";
import { timeline } from "../check/timeline.ts";

/** Each with what was done to a client. */
export const charges = {
  lost: "an order that was acknowledged is not found, or its number is somebody else's",
  doubled: "one order was carried out twice, and has two numbers in the books",
  unrecorded: "stock was taken, and no order in any log tells of it",
  "stale read": "an item was shown as it was before an order that was acknowledged",
  "one number twice": "two orders were acknowledged with one number",
} as const;
export type ChargeKind = keyof typeof charges;

export interface Charge {
  readonly kind: ChargeKind;
  /** The smallest history that proves it. */
  readonly recording: Recording;
}

/** A line of a replica's order log. */
export interface LoggedOrder {
  readonly number: number;
  readonly name: string;
  readonly quantity: number;
}

/** What the files hold when all has come to rest. */
export interface Ending {
  readonly logs: readonly (readonly LoggedOrder[])[];
  /** Units of each item that were taken. */
  readonly taken: ReadonlyMap<string, number>;
}

/** Of one item: `digit` from 0. */
export const quantityOf = (digit: number): number => 4 ** digit;

/** Configurations searched for an item: what takes more is not small. */
const configurationsMax = 50_000;

function verdictOn({ operations, header }: Recording) {
  return checkLinearizable(historyOf(operations, header), { configurationsMax }).kind;
}

const isIllegal = (recording: Recording): boolean => verdictOn(recording) === "illegal";

/** At most one of each kind, that with the fewest operations. `whole` is complete. */
export function chargesOf(whole: Recording, ending: Ending): Charge[] {
  const found: Charge[] = [];
  const bring = (kind: ChargeKind, recordings: readonly (Recording | undefined)[]): void => {
    const [least] = recordings
      .filter((one) => one !== undefined)
      .sort((a, b) => a.operations.length - b.operations.length);
    if (least !== undefined) found.push({ kind, recording: least });
  };
  const orders = whole.operations.filter(({ op }) => op === "order");
  const ofEffects = (guilty: (effects: Effects) => boolean): readonly (Recording | undefined)[] =>
    orders
      .filter((order) => guilty(effectsOf(order, ending)))
      .map((order) => smallestOfEffects(whole, order, ending));
  bring("lost", [smallestOf(whole, hasLost)]);
  bring(
    "doubled",
    ofEffects(({ numbers }) => numbers > 1),
  );
  bring(
    "unrecorded",
    ofEffects(({ taken, lines }) => taken > lines),
  );
  const items = whole.header.initial ?? [];
  bring(
    "stale read",
    items.map(({ item }) => smallestOf(ofItem(whole, item), hasStaleRead)),
  );
  bring("one number twice", [smallestOf(whole, hasNumberTwice)]);
  return found;
}

/** What came of one order. */
interface Effects {
  /** How often its units were taken. */
  readonly taken: number;
  /** Under how many numbers it is in the books. One of them twice in a log may have been copied twice. */
  readonly numbers: number;
  /** Its lines in all logs together: each effect that was recorded has at least one, in its leader's own log. */
  readonly lines: number;
}

function effectsOf({ item = "", quantity = 1 }: Operation, { logs, taken }: Ending): Effects {
  const lines = logs.flat().filter((line) => line.name === item && line.quantity === quantity);
  return {
    taken: Math.floor((taken.get(item) ?? 0) / quantity) % quantityOf(1),
    numbers: new Set(lines.map(({ number }) => number)).size,
    lines: lines.length,
  };
}

function smallestOf(recording: Recording, hasIt: (recording: Recording) => boolean): Recording | undefined {
  const faulty: Faulty = (candidate) => hasIt(candidate) && isIllegal(candidate);
  return faulty(recording) ? smallest(recording, faulty) : undefined;
}

/**
 * The smallest history that is rejected because of what this order did beyond what was asked: it would be accepted if its
 * client had ordered as often as it took effect. Undefined if no client could see that.
 */
function smallestOfEffects(whole: Recording, order: Operation, ending: Ending): Recording | undefined {
  const { header, operations } = ofItem(whole, order.item);
  const stale = new Set(staleReads({ header, operations }));
  const fresh = { header, operations: operations.filter((operation) => !stale.has(operation)) };
  const faulty: Faulty = (candidate) => {
    if (!candidate.operations.includes(order) || !isIllegal(candidate)) return false;
    const others = candidate.operations.filter((one) => one !== order);
    return (
      isIllegal(asIfOrdered(candidate, others, ending)) &&
      verdictOn(asIfOrdered(candidate, candidate.operations, ending)) === "ok"
    );
  };
  return faulty(fresh) ? smallest(fresh, faulty) : undefined;
}

/** As if these orders' clients had ordered as often as they took effect. */
function asIfOrdered(
  { header, operations }: Recording,
  some: readonly Operation[],
  ending: Ending,
): Recording {
  const more = some
    .filter(({ op }) => op === "order")
    .flatMap((order) => {
      const known = order.status === 409 ? 0 : 1;
      const { number: _, value: __, ...asked } = order;
      const again: Operation = { ...asked, end: null, status: null };
      return Array.from({ length: Math.max(0, effectsOf(order, ending).taken - known) }, () => again);
    });
  return { header, operations: [...operations, ...more] };
}

/** Orders and reads of one item, with what it began as. */
function ofItem({ header, operations }: Recording, item: string | undefined): Recording {
  const initial = (header.initial ?? []).filter((one) => one.item === item);
  const some = operations.filter((one) => one.item === item && one.op !== "query");
  return { header: { ...header, initial }, operations: some };
}

const isPlaced = ({ op, status }: Operation): boolean => op === "order" && status === 200;
const endOf = ({ end }: Operation): number => end ?? Number.POSITIVE_INFINITY;

function hasLost({ operations }: Recording): boolean {
  const placed = operations.filter(isPlaced);
  const queries = operations.filter(({ op }) => op === "query");
  return placed.some((order) =>
    queries.some(({ number, start, status, item, quantity }) => {
      if (number !== order.number || start <= endOf(order)) return false;
      return status === 404 || item !== order.item || quantity !== order.quantity;
    }),
  );
}

function hasNumberTwice({ operations }: Recording): boolean {
  const numbers = operations.filter(isPlaced).map(({ number }) => number);
  return new Set(numbers).size < numbers.length;
}

const hasStaleRead = (recording: Recording): boolean => staleReads(recording).length > 0;

/** Reads of one item that show it as it was before an order that had been acknowledged when they began. */
function staleReads({ header, operations }: Recording): readonly Operation[] {
  const before = header.initial?.[0]?.volume;
  if (before === undefined) return [];
  const placed = operations.filter(isPlaced);
  return operations.filter(({ op, start, value }) => {
    if (op !== "read") return false;
    const known = placed.filter((order) => endOf(order) < start);
    const least = known.reduce((sum, { quantity = 0 }) => sum + quantity, before);
    const shown = value?.volume ?? least;
    return before <= shown && shown < least;
  });
}

/** For a person: what happened, and the smallest history as a picture. */
export function tellCharge({ kind, recording: { header, operations } }: Charge): string {
  const items = new Set(operations.flatMap(({ item }) => (item === undefined ? [] : [item])));
  const begins = (header.initial ?? [])
    .filter(({ item }) => items.has(item))
    .map(({ item, quantity, volume }) => `${item} begins with quantity ${quantity}, volume ${volume}\n`);
  const picture = timeline(historyOf(operations, header), operations);
  return `${kind}: ${charges[kind]}\n${[...begins, picture].join("\n").replace(/^(?=.)/gm, "    ")}`;
}
