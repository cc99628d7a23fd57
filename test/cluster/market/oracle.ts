/**
 * Who knows everything: the market after every committed entry, in true time what anyone has been told of, and hence
 * what a read may show. The market is one object to it, as the promise says: a read that begins after anyone was told
 * of anything at a position shows a state at or behind the entry of that position, and nothing that is not committed.
 */
import { AssertionError, present } from "../../../src/base/assert.ts";
import { formatHash, type Hash128 } from "../../../src/base/hash128.ts";
import { renderPage } from "../../../src/frontend/hits.ts";
import { createRenderer } from "../../../src/frontend/rendering.ts";
import { apply } from "../../../src/market/apply.ts";
import { decodeBatch, encodeReply, encodeState } from "../../../src/market/codec.ts";
import type { Command } from "../../../src/market/command.ts";
import {
  counters,
  emptyMarket,
  findItem,
  listItems,
  type Market,
  marketState,
  restoreMarket,
} from "../../../src/market/market.ts";
import { foldName } from "../../../src/market/names.ts";
import type { Reply } from "../../../src/market/reply.ts";
import type { Answer, ItemRow, MarketState } from "../../../src/market/rows.ts";
import type { Entry } from "../../../src/raft/message.ts";
import type { SimDisk } from "../disk.ts";

/** What a shopper asks for. */
export type Asked =
  | { readonly kind: "item"; readonly item: string | number }
  | { readonly kind: "page"; readonly topic: string | undefined };

/** What a front-end has answered. */
export interface Shown {
  readonly status: number;
  readonly position: number;
  readonly body: string;
}

function check(condition: boolean, message: () => string): void {
  if (!condition) throw new AssertionError(message());
}

const renderer = createRenderer("USD");

export class Oracle {
  readonly #market = emptyMarket();
  /** After the entry at each index, from 0; no state before the market is founded. */
  readonly #states: { readonly state: MarketState | undefined; readonly hash: string }[] = [];
  /** Of each position: the last position of its entry, the reply, and, if it is such a last one, all items. */
  readonly #ends: number[] = [0];
  readonly #replies: (Reply | undefined)[] = [undefined];
  readonly #items = new Map<number, readonly ItemRow[]>();
  /** Every row that an item has ever had, by id, ascending by `changed`. */
  readonly #versions = new Map<number, ItemRow[]>();
  readonly #answers = new Map<string, Answer>();
  /** Items that were appended as additions, by folded name. */
  readonly #adding = new Set<string>();
  readonly #orders = new Map<string, number>();
  #lastRead = 0;
  #floor = 0;
  #acknowledged = 0;

  constructor() {
    this.#keep();
  }

  /** The newest committed position. */
  get position(): number {
    return this.#market.position;
  }

  get index(): number {
    return this.#states.length - 1;
  }

  /** What anyone has been told of, and what of it was an answer to an order. */
  get floor(): number {
    return this.#floor;
  }

  get acknowledgedThrough(): number {
    return this.#acknowledged;
  }

  get nextRead(): number {
    return ++this.#lastRead;
  }

  get stateHash(): string {
    return present(this.#states.at(-1), "a state").hash;
  }

  get items(): readonly ItemRow[] {
    return listItems(this.#market, { limit: this.#market.items.length });
  }

  // What is committed.

  /** Entries of this disk's log are committed up to here. */
  delivered(disk: SimDisk, through: number): void {
    for (let index = this.#states.length; index <= through; index++) {
      if (index <= disk.base.index) return;
      this.#learn(disk.entry(index));
    }
  }

  #learn({ payload, kind }: Entry): void {
    if (payload.length === 0 || kind === "membership") return this.#keep();
    const market = this.#market;
    const before = market.position;
    const { replies, rows } = apply(market, decodeBatch(payload), (key) => this.answered(key, before));
    for (const reply of replies) {
      this.#replies.push(reply);
      this.#ends.push(market.position);
    }
    for (const answer of rows.answers)
      if (answer.id.kind === "key") this.#answers.set(formatHash(answer.id.key), answer);
    for (const row of rows.items) {
      const versions = this.#versions.get(row.id);
      if (versions === undefined) this.#versions.set(row.id, [row]);
      else versions.push(row);
    }
    this.#items.set(market.position, this.items);
    this.#keep();
  }

  #keep(): void {
    const market = this.#market;
    const state = market.definition === undefined ? undefined : marketState(market);
    this.#states.push({ state, hash: formatHash(counters(market).hash) });
  }

  /** What a store that is at `position` remembers of a key. */
  answered(key: Hash128, position: number): Answer | undefined {
    const answer = this.#answers.get(formatHash(key));
    return answer !== undefined && answer.position <= position ? answer : undefined;
  }

  /** The market after the entry at `index`, as a store gives it back at a start. */
  marketAt(index: number): Market {
    const { state } = present(this.#states[index], `the state at ${index}`);
    return state === undefined ? emptyMarket() : restoreMarket(state);
  }

  /** The same as it is copied; undefined: there is no market yet. */
  stateAt(index: number): Uint8Array | undefined {
    const { state } = present(this.#states[index], `the state at ${index}`);
    return state === undefined ? undefined : Buffer.concat([...encodeState(state, 1_000)]);
  }

  /** A replica has applied the entry at `index`. */
  applied(name: string, index: number, market: Market): void {
    const { hash } = present(this.#states[index], `the state at ${index}`);
    check(formatHash(counters(market).hash) === hash, () => `${name} differs at ${index}`);
  }

  /** A leader has appended them. */
  appended(commands: readonly Command[]): void {
    for (const command of commands)
      if (command.kind === "add-item") this.#adding.add(foldName(command.item.name));
  }

  /** Whether an item of that name was appended and is not there yet. */
  isOnItsWay(name: string): boolean {
    return this.#adding.has(foldName(name)) && findItem(this.#market, { kind: "name", name }) === undefined;
  }

  // What anyone was told.

  #told(position: number): void {
    const end = this.#ends[position];
    check(end !== undefined, () => `told of ${position}, committed is ${this.position}`);
    this.#floor = Math.max(this.#floor, end ?? 0);
  }

  /** A front-end was given the reply to an order. */
  acknowledged(key: string, reply: Reply): void {
    const { position } = reply;
    this.#told(position);
    this.#acknowledged = Math.max(this.#acknowledged, this.#ends[position] ?? 0);
    const known = present(this.#replies[position], `the reply at ${position}`);
    check(
      Buffer.compare(encodeReply(reply), encodeReply(known)) === 0,
      () => `the reply at ${position} is another one`,
    );
    const number = numberOf(reply);
    if (number === undefined) return;
    const before = this.#orders.get(key);
    check(before === undefined || before === number, () => `one key is orders ${before} and ${number}`);
    this.#orders.set(key, number);
  }

  /** A read that began when `floor` had been told was answered. */
  shown(asked: Asked, floor: number, shown: Shown): void {
    if (asked.kind === "page") this.#checkPage(asked.topic, floor, shown);
    else if (shown.status === 404) this.#checkMissing(asked.item, floor, shown);
    else this.#checkItem(asked.item, floor, shown);
    this.#told(shown.position);
  }

  #checkItem(item: string | number, floor: number, { position, body }: Shown): void {
    const { id } = (JSON.parse(body) as { readonly data: { readonly id: number } }).data;
    const versions = this.#versions.get(id) ?? [];
    const row = versions.find(({ changed }) => changed === position);
    check(row !== undefined, () => `item ${id} was shown as of ${position}, which is not committed`);
    const current = present(row, "the row");
    const isIt = typeof item === "string" ? foldName(current.name) === foldName(item) : id === item;
    check(isIt, () => `${item} was asked for, and ${current.name} is shown`);
    const expected = `{"data":${renderer.item(current, typeof item === "string" ? item : undefined)}}`;
    check(body === expected, () => `item ${id} as of ${position} was shown as ${body}, and is ${expected}`);
    this.#checkFresh(current, position, floor);
  }

  #checkMissing(item: string | number, floor: number, { position }: Shown): void {
    check(this.#items.has(position), () => `not found as of ${position}, which is not committed`);
    const reference =
      typeof item === "string"
        ? { kind: "name" as const, name: item }
        : { kind: "id" as const, id: item as ItemRow["id"] };
    const row = findItem(this.#market, reference);
    if (row === undefined) return;
    const since = present(this.#versions.get(row.id)?.[0], "its first version").changed;
    check(since > position, () => `${item} was not found as of ${position}, and is there since ${since}`);
    check(since > floor, () => `stale: ${item} was not found, and ${floor}, which has it, was told before`);
  }

  #checkPage(topic: string | undefined, floor: number, { position, body }: Shown): void {
    const items = this.#items.get(position);
    check(items !== undefined, () => `a page was shown as of ${position}, which is not committed`);
    const listed = (all: readonly ItemRow[]): readonly ItemRow[] =>
      all.filter((row) => topic === undefined || row.topic === topic);
    const rows = listed(present(items, "the items"));
    const expected = renderPage(renderer, { rows, more: false });
    check(body === expected, () => `the page as of ${position} was shown as ${body}, and is ${expected}`);
    for (const row of listed(this.items)) this.#checkFresh(row, position, floor);
  }

  /** The item has not changed between what is shown and what was told. */
  #checkFresh({ id }: ItemRow, position: number, floor: number): void {
    const versions = this.#versions.get(id) ?? [];
    const newer = versions.findLast(({ changed }) => changed <= floor);
    check(
      newer === undefined || newer.changed <= position,
      () => `stale: item ${id} as of ${position}, but ${newer?.changed} was told before`,
    );
  }
}

function numberOf(reply: Reply): number | undefined {
  if (reply.kind === "placed") return reply.order.number;
  if (reply.kind !== "replayed") return undefined;
  const { outcome } = reply.answer;
  return outcome.kind === "order" ? outcome.number : undefined;
}
