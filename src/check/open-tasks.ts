/**
 * The tasks of an item that have no place yet, as a doubly linked list in order of their starts ("dancing links", as in
 * Lowe's checker): what is next to be placed stands at its front, however long the history.
 */
import { assert } from "../base/assert.ts";
import type { Task } from "./item-tasks.ts";

/** Tasks are named from 1; 0 is the list's end on both sides. */
export class OpenTasks {
  readonly #tasks: readonly Task[];
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  size: number;

  constructor(tasks: readonly Task[]) {
    const { length } = tasks;
    this.#tasks = tasks;
    this.size = length;
    this.#next = Int32Array.from({ length: length + 1 }, (_, i) => (i === length ? 0 : i + 1));
    this.#previous = Int32Array.from({ length: length + 1 }, (_, i) => (i === 0 ? length : i - 1));
  }

  task(name: number): Task {
    const task = this.#tasks[name - 1];
    assert(task !== undefined, () => `no task ${name}`);
    return task;
  }

  /** The first is that after 0. */
  after(name: number): number {
    return this.#next[name] as number;
  }

  take(name: number): void {
    const next = this.#next[name] as number;
    const previous = this.#previous[name] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.size--;
  }

  /** Undo `take`: in the reverse order only. */
  putBack(name: number): void {
    this.#next[this.#previous[name] as number] = name;
    this.#previous[this.#next[name] as number] = name;
    this.size++;
  }

  /** The earliest end of all: what is placed next must have begun by then. Infinity if none is open or all are endless. */
  deadline(): number {
    let deadline = Number.POSITIVE_INFINITY;
    for (let name = this.after(0); name !== 0; name = this.after(name)) {
      const { start, end } = this.task(name);
      if (start > deadline) break;
      if (end < deadline) deadline = end;
    }
    return deadline;
  }

  /** Those that may be placed next, by start. */
  candidates(deadline: number): number[] {
    const names: number[] = [];
    for (let name = this.after(0); name !== 0 && this.task(name).start <= deadline; name = this.after(name)) {
      names.push(name);
    }
    return names;
  }

  /** The open ones among the first `highest`: together with `highest` they say which are placed. */
  holes(highest: number): string {
    let holes = "";
    for (let name = this.after(0); name !== 0 && name < highest; name = this.after(name)) holes += ` ${name}`;
    return holes;
  }
}
