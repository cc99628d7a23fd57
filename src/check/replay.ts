/**
 * The exact replay of one item of a complete history: its known orders by position, with what orders of unknown
 * outcome may have done between.
 */
import { type History, kindCode, none, sideCode } from "./history.ts";
import { type Context, differ, type ItemHistory, isRead } from "./item-history.ts";
import { PossibleSums } from "./sums.ts";

/** The state of an exact replay of one item. */
interface Replay {
  /** By the orders that are known; −1 where no initial value is. */
  quantity: number;
  volume: number;
  price: number;
  /** The position of the last change that is known, −1 before the first. */
  changed: number;
  /** The line of that change. */
  line: number;
  /** Units that unknown orders must have bought and sold so far. */
  bought: number;
  sold: number;
  readonly buys: PossibleSums;
  readonly sells: PossibleSums;
  /** How many of the item's unknown orders can lie at or below the present position. */
  eligible: number;
  /** Where the item stood before its first order. */
  origin: number;
}

/** Replay one item; the first thing that cannot be explained ends it, because all after it would be noise. */
export function checkComplete(context: Context, item: ItemHistory): void {
  const { history, orders } = context;
  const { initial } = item;
  if (initial === undefined) return;
  const replay: Replay = {
    quantity: initial.quantity,
    volume: initial.volume,
    price: initial.priceMinor ?? Number.NaN,
    changed: none,
    line: none,
    bought: 0,
    sold: 0,
    buys: new PossibleSums(),
    sells: new PossibleSums(),
    eligible: 0,
    origin: none,
  };
  let change = 0;
  for (const i of item.observations) {
    const here = history.position.at(i);
    for (; change < item.changes.length; change++) {
      const order = item.changes[change] as number;
      if ((orders.position[order] as number) > here) break;
      if (!applyChange(context, item, replay, order)) return;
    }
    admitUnknown(context, item, replay, here);
    if (!checkObservation(context, item, replay, i)) return;
  }
  for (; change < item.changes.length; change++) {
    if (!applyChange(context, item, replay, item.changes[change] as number)) return;
  }
}

/** Unknown orders that may lie at or below `position`. */
function admitUnknown(
  { history, orders, floors }: Context,
  item: ItemHistory,
  replay: Replay,
  position: number,
): void {
  for (; replay.eligible < item.unknown.length; replay.eligible++) {
    const at = item.unknown[replay.eligible] as number;
    if ((floors[at] as number) >= position) return;
    const line = orders.unknown[at] as number;
    const sums = history.side.at(line) === sideCode.buy ? replay.buys : replay.sells;
    sums.add(history.quantity.at(line));
  }
}

/** Whether the replay can go on. */
function applyChange(context: Context, item: ItemHistory, replay: Replay, order: number): boolean {
  const { history, orders, findings } = context;
  const line = orders.operation[order] as number;
  const quantity = history.quantity.at(line);
  // A query that did not record what it found: nothing can be said of this item from here on.
  if (quantity < 0 || history.side.at(line) === sideCode.none) return false;
  const position = orders.position[order] as number;
  admitUnknown(context, item, replay, position);
  replay.quantity += history.side.at(line) === sideCode.sell ? quantity : -quantity;
  replay.volume += quantity;
  replay.changed = position;
  replay.line = line;
  if (differ(replay.price, history.valuePrice.at(line))) {
    findings.add("value", `${item.name}: order ${orders.number[order]} has another price`, [line]);
    return false;
  }
  learnPrice(history, replay, line);
  const most = replay.quantity + replay.sells.total - replay.bought;
  if (most >= 0) return true;
  findings.add("negative-stock", `${item.name}: at most ${most} after order ${orders.number[order]}`, [line]);
  return false;
}

function checkObservation(context: Context, item: ItemHistory, replay: Replay, i: number): boolean {
  const { history, findings } = context;
  if (history.kind.at(i) === kindCode.order && !checkRefusal(context, item, replay, i)) return false;
  const fault = valueFault(history, replay, i);
  if (fault === undefined) {
    learnPrice(history, replay, i);
    return true;
  }
  findings.add("value", `${item.name} at position ${history.position.at(i)}: ${fault}`, [replay.line, i]);
  return false;
}

/** Nobody reprices: where the first price is not recorded, whoever tells one tells it for all. */
function learnPrice(history: History, replay: Replay, i: number): void {
  if (Number.isNaN(replay.price)) replay.price = history.valuePrice.at(i);
}

/** Who is refused for want of stock asked for more than there can have been at least. */
function checkRefusal({ history, findings }: Context, item: ItemHistory, replay: Replay, i: number): boolean {
  const least = replay.quantity - replay.buys.total + replay.sold;
  const asked = history.quantity.at(i);
  if (least < asked || !Number.isNaN(history.valueQuantity.at(i))) return true;
  const message = `${item.name}: ${asked} were refused where at least ${least} were left`;
  findings.add("refused-in-stock", message, [replay.line, i]);
  return false;
}

/** What is wrong with a read's value, or `undefined`; what it proves of unknown orders is kept in `replay`. */
function valueFault(history: History, replay: Replay, i: number): string | undefined {
  const position = history.position.at(i);
  const quantity = history.valueQuantity.at(i) - replay.quantity;
  const volume = history.valueVolume.at(i) - replay.volume;
  if (differ(replay.price, history.valuePrice.at(i))) return `another price than ${replay.price}`;
  if (isRead(history, i) && (replay.eligible === 0 || volume === 0)) {
    // No unknown order is below: then the read's position is that of the last known change, or where all began.
    if (replay.changed === none && replay.origin === none) replay.origin = position;
    const last = replay.changed === none ? replay.origin : replay.changed;
    if (position !== last) return `nothing changed it there; its last change is at ${last}`;
  }
  if (Number.isNaN(quantity)) return undefined;
  if (Number.isNaN(volume)) {
    if (quantity >= -replay.buys.total && quantity <= replay.sells.total) return undefined;
    return `${history.valueQuantity.at(i)} left, ${replay.quantity} by the orders`;
  }
  const bought = (volume - quantity) / 2;
  const sold = (volume + quantity) / 2;
  const possible =
    replay.buys.has(bought) &&
    replay.sells.has(sold) &&
    replay.buys.has(bought - replay.bought) &&
    replay.sells.has(sold - replay.sold);
  if (!possible) {
    return `quantity ${history.valueQuantity.at(i)} and volume ${history.valueVolume.at(i)}, by the orders ${replay.quantity} and ${replay.volume}`;
  }
  replay.bought = bought;
  replay.sold = sold;
  return undefined;
}
