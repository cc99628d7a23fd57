/**
 * A history cut into items: for each, what has to be given a place between its start and its end, and the orders of
 * unknown outcome that may be.
 */
import type { Answers, Asked } from "./answers.ts";
import { type History, type InitialItem, kindCode, none } from "./history.ts";
import type { Act } from "./item-model.ts";

/** It took effect at one instant of [start, end]. */
export interface Task {
  /** The line of the history. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly act: Act;
}

/**
 * Orders of unknown outcome that differ in nothing but their starts. Where one of them is needed, the one that began
 * first will do: so they are taken in that order, and only their number counts.
 */
export interface Shape {
  readonly side: number;
  readonly quantity: number;
  /** Rising. */
  readonly starts: readonly number[];
  readonly lines: readonly number[];
}

export interface ItemTasks {
  readonly name: string;
  /** Where it began, if the history claims to tell all that happened to it since. */
  readonly initial: InitialItem | undefined;
  /** By start. */
  readonly tasks: readonly Task[];
  readonly shapes: readonly Shape[];
}

interface Builder {
  readonly tasks: Task[];
  readonly placed: Asked[];
  readonly unknown: Asked[];
  readonly foundUnknown: number[];
}

export function tasksByItem(history: History, answers: Answers): ItemTasks[] {
  const builders = history.items.texts.map((): Builder => {
    return { tasks: [], placed: [], unknown: [], foundUnknown: [] };
  });
  const ranks = new Map<Asked, number>();
  addOrders(history, answers, builders, ranks);
  addObservations(history, answers, builders, ranks);
  const { complete, initial = [] } = history.header;
  const beginnings = new Map(complete ? initial.map((item) => [item.item, item]) : []);
  let first = Number.POSITIVE_INFINITY;
  for (const number of answers.byNumber.keys()) first = Math.min(first, number);
  return builders.map((builder, item) => {
    const name = history.items.texts[item] as string;
    const shapes = shapesOf(history, builder.unknown);
    addFoundUnknown(history, builder, shapes, first);
    builder.tasks.sort((a, b) => a.start - b.start);
    return { name, initial: beginnings.get(name), tasks: builder.tasks, shapes };
  });
}

function addOrders(
  history: History,
  { orders }: Answers,
  builders: readonly Builder[],
  ranks: Map<Asked, number>,
): void {
  for (const order of orders) {
    const { line, start, end } = order;
    const builder = builders[history.item.at(line)];
    if (builder === undefined) continue;
    if (order.outcome === "placed") builder.placed.push(order);
    else if (order.outcome === "unknown") builder.unknown.push(order);
    else if (order.outcome === "short") {
      const asked = history.quantity.at(line);
      const available = history.valueQuantity.at(line);
      builder.tasks.push({
        line,
        start,
        end,
        act: { kind: "short", side: history.side.at(line), asked, available },
      });
    }
  }
  for (const { placed, tasks } of builders) {
    placed.sort((a, b) => history.number.at(a.line) - history.number.at(b.line));
    placed.forEach((order, rank) => {
      const { line, start, end } = order;
      ranks.set(order, rank);
      const price = history.valuePrice.at(line);
      const act: Act = {
        kind: "placed",
        rank,
        side: history.side.at(line),
        quantity: history.quantity.at(line),
        price,
      };
      tasks.push({ line, start, end, act });
    });
  }
}

/** Reads, rows of lists, and queries for numbers that are known. */
function addObservations(
  history: History,
  { byNumber, foundOnly }: Answers,
  builders: readonly Builder[],
  ranks: ReadonlyMap<Asked, number>,
): void {
  for (let line = 0; line < history.size; line++) {
    const kind = history.kind.at(line);
    const status = history.status.at(line);
    const interval = { line, start: history.start.at(line), end: history.end.at(line) };
    if (kind === kindCode.read || kind === kindCode.row) {
      const builder = builders[history.item.at(line)];
      const act = shownAct(history, line);
      if (act !== undefined) builder?.tasks.push({ ...interval, act });
    } else if (kind === kindCode.query && (status === 200 || status === 404)) {
      const order = byNumber.get(history.number.at(line));
      if (order !== undefined) {
        const rank = ranks.get(order) ?? 0;
        const act: Act = { kind: status === 200 ? "found" : "missing", rank };
        builders[history.item.at(order.line)]?.tasks.push({ ...interval, act });
      } else if (foundOnly.get(history.number.at(line)) === line) {
        builders[history.item.at(line)]?.foundUnknown.push(line);
      }
    }
  }
}

function shownAct(history: History, line: number): Act | undefined {
  const status = history.status.at(line);
  if (status === 404) return { kind: "absent" };
  if (status !== 200) return undefined;
  return {
    kind: "shown",
    quantity: history.valueQuantity.at(line),
    volume: history.valueVolume.at(line),
    price: history.valuePrice.at(line),
  };
}

const shapeKey = (history: History, line: number): string =>
  `${history.side.at(line)} ${history.quantity.at(line)}`;

function shapesOf(history: History, unknown: readonly Asked[]): Shape[] {
  const byShape = Map.groupBy(unknown, ({ line }) => shapeKey(history, line));
  return [...byShape.values()].map((orders) => {
    orders.sort((a, b) => a.start - b.start);
    const line = (orders[0] as Asked).line;
    return {
      side: history.side.at(line),
      quantity: history.quantity.at(line),
      starts: orders.map(({ start }) => start),
      lines: orders.map((order) => order.line),
    };
  });
}

/**
 * An order that only a query tells of is one of unknown outcome with the same facts. It is left out if it may be older
 * than the recording: below `first`, the lowest number that was acknowledged in it.
 */
function addFoundUnknown(
  history: History,
  { tasks, foundUnknown }: Builder,
  shapes: readonly Shape[],
  first: number,
): void {
  if (foundUnknown.length === 0) return;
  const lines = foundUnknown
    .filter((line) => history.number.at(line) > first)
    .filter((line) => history.quantity.at(line) !== none && history.side.at(line) !== 0)
    .sort((a, b) => history.number.at(a) - history.number.at(b));
  const counts = new Map<string, number>();
  for (const line of lines) {
    const key = shapeKey(history, line);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const shape = shapes.findIndex(({ lines: [some = none] }) => shapeKey(history, some) === key);
    const act: Act = { kind: "found-unknown", shape, count };
    tasks.push({ line, start: history.start.at(line), end: history.end.at(line), act });
  }
}
