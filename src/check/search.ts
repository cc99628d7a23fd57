/**
 * The search for an order of one item's operations that agrees with real time and with the model: that of Wing and
 * Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of configurations that led nowhere
 * ("Testing for linearizability", 2017).
 *
 * A configuration is what has been placed and the state that results. The set is kept as what it lacks: the highest
 * task placed and the holes below it, which is a bitset with its long run of ones left out. So a configuration is as
 * large as the concurrency, not as the history; and where nothing is open there are no holes, and what is remembered of
 * such an instant is just the set of states possible there, so that a long history falls into short ones by itself.
 *
 * Five things keep it small, and none loses an answer:
 *  - an observation that fits the state changes nothing, so it is placed at once: later can only be harder;
 *  - placed orders take effect in the order of their numbers;
 *  - an order of unknown outcome can wait until something needs it, so it is placed only right before that (choices.ts);
 *  - a volume never falls: once it is above what an open observation saw, there is no way on;
 *  - what is still to be shown bounds what orders of unknown outcome can have traded by now (headroom.ts).
 */
import { assert } from "../base/assert.ts";
import { Choices, type Move } from "./choices.ts";
import { endless, Headroom } from "./headroom.ts";
import { type ItemModel, type ItemState, isTooLate } from "./item-model.ts";
import type { ItemTasks } from "./item-tasks.ts";
import { OpenTasks } from "./open-tasks.ts";
import { Unknowns } from "./unknowns.ts";

export interface PlacedLine {
  readonly line: number;
  /** The state after it. */
  readonly state: ItemState;
}

/** As far as any order came. */
export interface DeadEnd {
  /** How many operations were placed. */
  readonly placed: number;
  /** The last of them, in their order. */
  readonly last: readonly PlacedLine[];
  readonly state: ItemState;
  /** The line that cannot be placed next though it must. */
  readonly stuck: number;
  /** Other lines that are open then. */
  readonly open: readonly number[];
}

export type SearchResult =
  | { readonly kind: "ok"; readonly configurations: number }
  | { readonly kind: "illegal"; readonly configurations: number; readonly deadEnd: DeadEnd }
  | { readonly kind: "undecided"; readonly configurations: number };

/** A place in the search to come back to. */
interface Mark {
  readonly path: number;
  readonly state: ItemState;
  readonly highest: number;
}

interface Frame extends Mark {
  readonly choices: Choices;
}

/** Placed lines that a dead end tells. */
const lastMax = 6;
/** Configurations searched once more for the sake of an explanation. */
const explanationMax = 50_000;

export function search(item: ItemTasks, model: ItemModel, configurationsMax: number): SearchResult {
  const bounded = new Search(item, model, configurationsMax, true);
  const result = bounded.run();
  if (result.kind !== "illegal" || !bounded.looksAhead) return result;
  // Who looks ahead stops early, which is a verdict but no explanation: see how far one comes who does not.
  const blind = new Search(item, model, Math.min(configurationsMax, explanationMax), false);
  assert(blind.run().kind !== "ok", "looking ahead lost an order of events");
  return { ...result, deadEnd: blind.deadEnd ?? result.deadEnd };
}

class Search {
  readonly #item: ItemTasks;
  readonly #model: ItemModel;
  readonly #budget: { left: number };
  readonly #budgetMax: number;
  readonly #open: OpenTasks;
  readonly #unknowns: Unknowns;
  /** Where orders of unknown outcome are: without them there is nothing to bound. */
  readonly #headroom: Headroom | undefined;
  readonly #seen = new Set<string>();
  readonly #frames: Frame[] = [];
  /** What was placed, in order: a task by its name, an order of unknown outcome by −1 − its shape. */
  readonly #path: number[] = [];
  readonly #states: ItemState[] = [];
  #state: ItemState;
  #highest = 0;
  #best: DeadEnd | undefined;

  constructor(item: ItemTasks, model: ItemModel, configurationsMax: number, looksAhead: boolean) {
    this.#item = item;
    this.#model = model;
    this.#budget = { left: configurationsMax };
    this.#budgetMax = configurationsMax;
    this.#open = new OpenTasks(item.tasks);
    this.#unknowns = new Unknowns(model.exact ? item.shapes : []);
    this.#state = model.initial;
    const { initial } = item;
    if (looksAhead && initial !== undefined && this.#unknowns.any)
      this.#headroom = new Headroom(item, initial);
  }

  get looksAhead(): boolean {
    return this.#headroom !== undefined;
  }

  /** How far the search came, if not to the end. */
  get deadEnd(): DeadEnd | undefined {
    return this.#best;
  }

  run(): SearchResult {
    for (let arrived = this.#arrive(); arrived !== "done"; ) {
      if (arrived === "open") this.#frames.push(this.#frame());
      const move = this.#nextMove();
      const configurations = this.#budgetMax - this.#budget.left;
      if (this.#budget.left <= 0) return { kind: "undecided", configurations };
      if (move === undefined) {
        assert(this.#best !== undefined, "a dead end that nobody has seen");
        return { kind: "illegal", configurations, deadEnd: this.#best };
      }
      this.#make(move);
      arrived = this.#arrive();
    }
    return { kind: "ok", configurations: this.#budgetMax - this.#budget.left };
  }

  /** Place what fits as it is; then tell whether there is anything to try from here. */
  #arrive(): "done" | "open" | "dead" {
    this.#placeObservations();
    if (this.#open.size === 0) return "done";
    const deadline = this.#open.deadline();
    const candidates = this.#open.candidates(deadline);
    const tooLate = candidates.find((name) => isTooLate(this.#state, this.#open.task(name).act));
    this.#noteDeadEnd(candidates, tooLate);
    if (tooLate !== undefined) return "dead";
    const room = this.#headroom?.at(this.#open, this.#highest);
    if (room !== undefined && (this.#state.volume > room.volume || this.#unknowns.isTooMuch(room)))
      return "dead";
    const used = this.#unknowns.key();
    const key = `${this.#highest}${this.#open.holes(this.#highest)}|${used}|${this.#model.exact ? "" : this.#state.volume}`;
    if (this.#seen.has(key)) return "dead";
    this.#seen.add(key);
    this.#budget.left--;
    return "open";
  }

  #placeObservations(): void {
    for (let again = true; again; ) {
      again = false;
      const deadline = this.#open.deadline();
      let next = this.#open.after(0);
      while (next !== 0) {
        const name = next;
        const { start, act } = this.#open.task(name);
        if (start > deadline) break;
        next = this.#open.after(name);
        if (act.kind === "placed") continue;
        const after = this.#unknowns.step(this.#model, this.#state, act);
        if (after === undefined || after.volume !== this.#state.volume) continue;
        this.#place(name, after);
        again = true;
      }
    }
  }

  #place(name: number, after: ItemState): void {
    this.#open.take(name);
    this.#path.push(name);
    this.#states.push(after);
    this.#state = after;
    this.#highest = Math.max(this.#highest, name);
  }

  #make({ unknown, task }: Move): void {
    for (const shape of unknown) {
      this.#state = this.#unknowns.use(this.#state, shape);
      this.#path.push(-1 - shape);
      this.#states.push(this.#state);
    }
    const after = this.#unknowns.step(this.#model, this.#state, this.#open.task(task).act);
    assert(after !== undefined, "a move that the model refuses");
    this.#place(task, after);
  }

  #frame(): Frame {
    const choices = new Choices(
      this.#model,
      this.#state,
      this.#open,
      this.#unknowns,
      this.#budget,
      this.#headroom?.at(this.#open, this.#highest) ?? endless,
    );
    return { path: this.#path.length, state: this.#state, highest: this.#highest, choices };
  }

  /** The next thing to try, at the latest place where there is one; everything after that place is undone. */
  #nextMove(): Move | undefined {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      this.#undoTo(frame);
      const move = frame.choices.next();
      if (move !== undefined) return move;
      this.#frames.pop();
    }
    return undefined;
  }

  #undoTo({ path, state, highest }: Mark): void {
    while (this.#path.length > path) {
      const name = this.#path.pop() as number;
      this.#states.pop();
      if (name > 0) this.#open.putBack(name);
      else this.#unknowns.giveBack(-1 - name);
    }
    this.#state = state;
    this.#highest = highest;
  }

  /** Keep how far this came, if nothing came further. */
  #noteDeadEnd(candidates: readonly number[], tooLate: number | undefined): void {
    const { tasks } = this.#item;
    const placed = tasks.length - this.#open.size;
    if (this.#best !== undefined && placed <= this.#best.placed) return;
    const ends = (name: number): number => this.#open.task(name).end;
    const stuck = tooLate ?? candidates.reduce((a, b) => (ends(b) < ends(a) ? b : a));
    const from = Math.max(0, this.#path.length - lastMax);
    const lineOf = (name: number): number =>
      name > 0 ? this.#open.task(name).line : this.#unknowns.lineOf(-1 - name);
    this.#best = {
      placed,
      last: this.#path.slice(from).map((name, at) => {
        return { line: lineOf(name), state: this.#states[from + at] as ItemState };
      }),
      state: this.#state,
      stuck: this.#open.task(stuck).line,
      open: candidates.filter((name) => name !== stuck).map(lineOf),
    };
  }
}
