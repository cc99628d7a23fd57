/**
 * Reads that wait for a value: readers of one item or page share one question, and those of an item whose commit is
 * awaited wait for the leader's push first. No clock, no socket; times are arguments.
 *
 * Each reader has a *floor*, how new its answer must be, fixed when it came. Whatever the item turned out to be at a
 * position satisfies every reader whose floor is not above it, whoever brought it; for the others it is asked again.
 */
import type { Position } from "../base/units.ts";
import type { Subject } from "./cache.ts";
import { cacheLimits } from "./limits.ts";

/** A question to be asked for the readers of a subject; it is answered with its `number`. */
export interface Ask {
  readonly number: number;
  readonly subject: Subject;
  readonly floor: Position;
  readonly deadlineMs: number;
}

interface Waiter<Reader> {
  readonly reader: Reader;
  readonly floor: Position;
  readonly deadlineMs: number;
}

interface Vigil<Reader> {
  readonly subject: Subject;
  waiters: Waiter<Reader>[];
  /** The question that is under way; 0: the push is waited for, until `patientUntilMs`. */
  asked: number;
  readonly patientUntilMs: number;
}

export class ParkedReaders<Reader> {
  readonly #vigils = new Map<Subject, Vigil<Reader>>();
  /** Those that wait for a push. */
  readonly #patient = new Set<Vigil<Reader>>();
  #size = 0;
  #lastAsk = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether no more may be parked. */
  get full(): boolean {
    return this.#size >= cacheLimits.parkedReaders;
  }

  /**
   * The caller has looked whether it is full. Returns the question to be asked now, if there is one; with
   * `patientUntilMs` the push is awaited first.
   */
  park(
    subject: Subject,
    reader: Reader,
    floor: Position,
    deadlineMs: number,
    patientUntilMs: number | undefined,
  ): Ask | undefined {
    this.#size++;
    const waiter = { reader, floor, deadlineMs };
    const vigil = this.#vigils.get(subject);
    if (vigil !== undefined) {
      vigil.waiters.push(waiter);
      return undefined;
    }
    const begun = { subject, waiters: [waiter], asked: 0, patientUntilMs: patientUntilMs ?? 0 };
    this.#vigils.set(subject, begun);
    if (patientUntilMs === undefined) return this.#ask(begun);
    this.#patient.add(begun);
    return undefined;
  }

  /** The subject is known as of `at`: whom that satisfies, no longer parked. */
  release(subject: Subject, at: Position): readonly Reader[] {
    const vigil = this.#vigils.get(subject);
    if (vigil === undefined) return [];
    return this.#take(vigil, ({ floor }) => floor <= at);
  }

  /**
   * A question was answered, and whom that satisfied was released; or it failed. At its deadline those fail who have no
   * time left; a failure before it is one for all: to ask again at once would meet the same.
   */
  settle(
    { subject, number, deadlineMs: askedUntilMs }: Ask,
    nowMs: number,
    answered: boolean,
  ): { readonly failed: readonly Reader[]; readonly ask: Ask | undefined } {
    const vigil = this.#vigils.get(subject);
    if (vigil === undefined || vigil.asked !== number) return { failed: [], ask: undefined };
    const hopeless = !answered && nowMs < askedUntilMs;
    const failed = this.#take(vigil, ({ deadlineMs }) => hopeless || deadlineMs <= nowMs);
    return { failed, ask: vigil.waiters.length === 0 ? undefined : this.#ask(vigil) };
  }

  /** Every change up to `at` was pushed, and whom its rows satisfied was released: who waits on waits in vain. */
  changedThrough(at: Position): readonly Ask[] {
    return this.#askWhere(({ waiters }) => waiters.every(({ floor }) => floor <= at));
  }

  /** What was not pushed in time. */
  due(nowMs: number): readonly Ask[] {
    return this.#askWhere(({ patientUntilMs }) => patientUntilMs <= nowMs);
  }

  /** Everyone, no longer parked. */
  clear(): readonly Reader[] {
    const readers: Reader[] = [];
    for (const { waiters } of this.#vigils.values()) for (const { reader } of waiters) readers.push(reader);
    this.#vigils.clear();
    this.#patient.clear();
    this.#size = 0;
    return readers;
  }

  #askWhere(holds: (vigil: Vigil<Reader>) => boolean): readonly Ask[] {
    if (this.#patient.size === 0) return [];
    const asks: Ask[] = [];
    for (const vigil of this.#patient) if (holds(vigil)) asks.push(this.#ask(vigil));
    return asks;
  }

  #ask(vigil: Vigil<Reader>): Ask {
    this.#patient.delete(vigil);
    vigil.asked = ++this.#lastAsk;
    let [{ floor, deadlineMs }] = vigil.waiters as [Waiter<Reader>];
    for (const waiter of vigil.waiters) {
      if (waiter.floor > floor) floor = waiter.floor;
      if (waiter.deadlineMs < deadlineMs) deadlineMs = waiter.deadlineMs;
    }
    return { number: vigil.asked, subject: vigil.subject, floor, deadlineMs };
  }

  #take(vigil: Vigil<Reader>, leaves: (waiter: Waiter<Reader>) => boolean): readonly Reader[] {
    const left: Reader[] = [];
    const stay: Waiter<Reader>[] = [];
    for (const waiter of vigil.waiters) {
      if (leaves(waiter)) left.push(waiter.reader);
      else stay.push(waiter);
    }
    vigil.waiters = stay;
    this.#size -= left.length;
    if (stay.length === 0) {
      this.#vigils.delete(vigil.subject);
      this.#patient.delete(vigil);
    }
    return left;
  }
}
