/**
 * How much can have been traded at most, by what open observations show. A volume never falls, so it may not be above
 * the least that is still to be shown; and the orders that ended before an observation began are in what that shows, so
 * only the rest of its units can be the work of orders whose outcome is unknown. Computed once for each task, with the
 * minimum over all tasks behind it, so that a configuration is judged by a few comparisons.
 */
import { type InitialItem, sideCode } from "./history.ts";
import type { ItemTasks, Task } from "./item-tasks.ts";
import type { OpenTasks } from "./open-tasks.ts";

export interface Room {
  /** The volume may not be above this. */
  readonly volume: number;
  /** Units that orders of unknown outcome may have bought and sold, all since the beginning. */
  readonly bought: number;
  readonly sold: number;
}

export const endless: Room = {
  volume: Number.POSITIVE_INFINITY,
  bought: Number.POSITIVE_INFINITY,
  sold: Number.POSITIVE_INFINITY,
};

/** Units of an item's placed orders up to one of them. */
interface Traded {
  readonly bought: number;
  readonly sold: number;
}

export class Headroom {
  /** By the tasks' places. */
  readonly #own: readonly Room[];
  /** Of a task and all behind it. */
  readonly #behind: readonly Room[];

  constructor({ tasks }: ItemTasks, initial: InitialItem) {
    const before = knownBefore(tasks);
    this.#own = tasks.map((task, at) => roomOf(task, before[at] as Traded, initial));
    const behind: Room[] = [endless];
    for (const room of this.#own.toReversed()) behind.push(least(room, behind.at(-1) as Room));
    this.#behind = behind.reverse();
  }

  /** Where nothing behind task `highest` has been placed. */
  at(open: OpenTasks, highest: number): Room {
    let room = this.#behind[highest] as Room;
    for (let name = open.after(0); name !== 0 && name < highest; name = open.after(name)) {
      room = least(room, this.#own[name - 1] as Room);
    }
    return room;
  }
}

function least(a: Room, b: Room): Room {
  if (a === endless) return b;
  if (b === endless) return a;
  return {
    volume: Math.min(a.volume, b.volume),
    bought: Math.min(a.bought, b.bought),
    sold: Math.min(a.sold, b.sold),
  };
}

function roomOf({ act }: Task, known: Traded, initial: InitialItem): Room {
  if (act.kind !== "shown" || Number.isNaN(act.volume)) return endless;
  const units = act.volume - initial.volume;
  if (Number.isNaN(act.quantity)) {
    const rest = units - known.bought - known.sold;
    return { volume: act.volume, bought: rest, sold: rest };
  }
  const gain = act.quantity - initial.quantity;
  // No whole orders make half a unit: then nothing is possible, which a room below zero says.
  if ((units - gain) % 2 !== 0) return { volume: act.volume, bought: -1, sold: -1 };
  return {
    volume: act.volume,
    bought: (units - gain) / 2 - known.bought,
    sold: (units + gain) / 2 - known.sold,
  };
}

/** For each task the units of the orders that must come before it: those that ended before, and all of lower number. */
function knownBefore(tasks: readonly Task[]): Traded[] {
  const sums: Traded[] = [{ bought: 0, sold: 0 }];
  const placed = tasks
    .flatMap(({ act, end }) => (act.kind === "placed" ? [{ act, end }] : []))
    .sort((a, b) => a.act.rank - b.act.rank);
  for (const { act } of placed) {
    const { bought, sold } = sums.at(-1) as Traded;
    const isSale = act.side === sideCode.sell;
    sums.push({ bought: bought + (isSale ? 0 : act.quantity), sold: sold + (isSale ? act.quantity : 0) });
  }
  const byEnd = placed.toSorted((a, b) => a.end - b.end);
  let ended = 0;
  let ranks = 0;
  return tasks.map(({ start }) => {
    for (let one = byEnd[ended]; one !== undefined && one.end < start; one = byEnd[++ended]) {
      ranks = Math.max(ranks, one.act.rank + 1);
    }
    return sums[ranks] as Traded;
  });
}
