/**
 * A session's remembered answers by sequence. Sequences are used in order and forgotten in order, so a ring holds
 * them: a slot is the sequence modulo the capacity. A `Map` would do the same and more, but one that is filled and
 * emptied for ever rebuilds its table again and again, and dead tables kept alive a quarter of everything that orders
 * allocate until the next full collection.
 */
import type { Hash128 } from "../base/hash128.ts";
import type { Answer } from "./rows.ts";

/** A remembered answer and its hash in the sum, which has to be taken back when it is forgotten. */
export interface Held {
  readonly sequence: number;
  readonly answer: Answer;
  readonly hash: Hash128;
}

export interface SessionAnswers {
  size: number;
  /** A power of two many. */
  slots: (Held | undefined)[];
  /** What found its slot taken: sequences that stayed open for long, and wild ones. */
  readonly others: Map<number, Held>;
}

const slotsMin = 256;
const slotsMax = 2 ** 21;

export function noAnswers(): SessionAnswers {
  return { size: 0, slots: new Array<undefined>(slotsMin).fill(undefined), others: new Map() };
}

function slotOf(answers: SessionAnswers, sequence: number): number {
  return sequence % answers.slots.length;
}

export function heldAnswer(answers: SessionAnswers, sequence: number): Held | undefined {
  const held = answers.slots[slotOf(answers, sequence)];
  if (held !== undefined && held.sequence === sequence) return held;
  return answers.others.size === 0 ? undefined : answers.others.get(sequence);
}

/** `held`'s sequence has no answer yet. */
export function holdAnswer(answers: SessionAnswers, held: Held): void {
  if (answers.size * 2 >= answers.slots.length && answers.slots.length < slotsMax) grow(answers);
  answers.size++;
  put(answers, held);
}

function put(answers: SessionAnswers, held: Held): void {
  const slot = slotOf(answers, held.sequence);
  if (answers.slots[slot] === undefined) answers.slots[slot] = held;
  else answers.others.set(held.sequence, held);
}

function grow(answers: SessionAnswers): void {
  const all = allAnswers(answers);
  answers.slots = new Array<undefined>(answers.slots.length * 2).fill(undefined);
  answers.others.clear();
  for (const held of all) put(answers, held);
}

/** Take an answer out; `undefined` if there is none. */
export function releaseAnswer(answers: SessionAnswers, sequence: number): Held | undefined {
  const slot = slotOf(answers, sequence);
  const held = answers.slots[slot];
  if (held !== undefined && held.sequence === sequence) {
    answers.slots[slot] = undefined;
    answers.size--;
    return held;
  }
  const other = answers.others.get(sequence);
  if (other !== undefined) {
    answers.others.delete(sequence);
    answers.size--;
  }
  return other;
}

/** All that are held, ascending by sequence. */
export function allAnswers(answers: SessionAnswers): Held[] {
  const all = [...answers.others.values()];
  for (const held of answers.slots) if (held !== undefined) all.push(held);
  return all.sort((a, b) => a.sequence - b.sequence);
}
