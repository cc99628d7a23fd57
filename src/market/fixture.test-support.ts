/**
 * Small markets, short ways to say a command, and generators: what the tests of this folder share. Its name is that
 * of a test because only tests may import packages here, and only tests are left out of what is published.
 */
import fc from "fast-check";
import type { Hash128 } from "../base/hash128.ts";
import { equalHash, formatHash, HashSum } from "../base/hash128.ts";
import { itemId, sessionId } from "../base/units.ts";
import type { Answered, Applied } from "./apply.ts";
import { apply } from "./apply.ts";
import type { Command, LineRequest, PlaceCommand, RequestId } from "./command.ts";
import type { MarketDefinition } from "./definition.ts";
import type { Market } from "./market.ts";
import { emptyMarket } from "./market.ts";
import type { Reply } from "./reply.ts";
import { answerHash, itemHash, orderHash } from "./row-hash.ts";
import type { Answer, ItemRow, OrderRow, Rows } from "./rows.ts";

export const at = 1_700_000_000_000;

export const goods: MarketDefinition = {
  name: "goods",
  resource: "goods",
  currency: "USD",
  sides: ["buy", "sell"],
  maxQuantity: 100,
  maxPerOrder: 40,
  restock: { everyTicks: 3, when: 2, to: 20 },
  items: [
    { name: "Lamp", priceMinor: 500, quantity: 10, topic: "Home" },
    { name: "Rope", priceMinor: 150, quantity: 50, title: "A Long rope" },
    { name: "Äpfel", priceMinor: 3, quantity: 0 },
  ],
};

/** Applies commands to one market and keeps, as a store would, every row that leaves it. */
export class Shop {
  readonly market: Market;
  readonly items = new Map<number, ItemRow>();
  readonly orders: OrderRow[] = [];
  readonly keyAnswers: Answer[] = [];
  readonly sessionAnswers = new Map<string, Answer>();
  readonly closed: number[] = [];
  lastRows: Rows | undefined;

  constructor(market: Market = emptyMarket()) {
    this.market = market;
  }

  readonly answered: Answered = (key) =>
    this.keyAnswers.findLast(({ id }) => id.kind === "key" && equalHash(id.key, key));

  run(commands: readonly Command[]): Applied {
    const applied = apply(this.market, { at, commands }, this.answered);
    this.#keep(applied.rows);
    return applied;
  }

  /** Apply one command as an entry of its own. */
  one(command: Command): Reply {
    const [reply] = this.run([command]).replies;
    if (reply === undefined) throw new Error("a command without a reply");
    return reply;
  }

  /** The state hash made anew from every row that was ever kept. */
  recomputedHash(): string {
    const sum = new HashSum();
    for (const row of this.items.values()) sum.add(itemHash(row));
    for (const row of this.orders) sum.add(orderHash(row));
    for (const answer of [...this.keyAnswers, ...this.sessionAnswers.values()]) sum.add(answerHash(answer));
    return formatHash(sum.value());
  }

  #keep(rows: Rows): void {
    this.lastRows = rows;
    for (const item of rows.items) this.items.set(item.id, item);
    this.orders.push(...rows.orders);
    for (const { session, sequence } of rows.forgotten) this.sessionAnswers.delete(`${session}/${sequence}`);
    for (const answer of rows.answers) {
      if (answer.id.kind === "key") this.keyAnswers.push(answer);
      else this.sessionAnswers.set(`${answer.id.session}/${answer.id.sequence}`, answer);
    }
    this.closed.push(...rows.closedSessions);
  }
}

/** A market with `definition` at position 1 and session 2 open. */
export function openShop(definition: MarketDefinition = goods): Shop {
  const shop = new Shop();
  shop.run([{ kind: "found", definition }, { kind: "open-session" }]);
  return shop;
}

export const tick: Command = { kind: "tick" };

export function inSession(sequence: number, session = 2): RequestId {
  return { kind: "session", session: sessionId(session), sequence };
}

export function underKey(word: number): RequestId {
  const key: Hash128 = [word, 1, 2, 3];
  return { kind: "key", key };
}

export function named(name: string, quantity: number, limitMinor?: number): LineRequest {
  const item = { kind: "name", name } as const;
  return limitMinor === undefined ? { item, quantity } : { item, quantity, limitMinor };
}

export function order(id: RequestId, side: "buy" | "sell", ...lines: readonly LineRequest[]): PlaceCommand {
  return { kind: "place", id, side, shape: lines.length === 1 ? "single" : "lines", lines };
}

export function acknowledgement(below: number, open: readonly number[] = [], session = 2): Command {
  return { kind: "acknowledge", session: sessionId(session), below, open };
}

const names = fc.constantFrom("Lamp", "lamp", "ROPE", "Äpfel", "Unknown", "New");
const reference = fc.oneof(
  names.map((name) => ({ kind: "name", name }) as const),
  fc.integer({ min: 1, max: 5 }).map((id) => ({ kind: "id", id: itemId(id) }) as const),
);
const line: fc.Arbitrary<LineRequest> = fc.record(
  {
    item: reference,
    quantity: fc.integer({ min: 1, max: 45 }),
    limitMinor: fc.integer({ min: 0, max: 600 }),
  },
  { requiredKeys: ["item", "quantity"], noNullPrototype: true },
);
const requestId: fc.Arbitrary<RequestId> = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 2, max: 4 }))
    .map(([sequence, session]) => inSession(sequence, session)),
  fc.integer({ min: 0, max: 8 }).map(underKey),
);
const placeCommand: fc.Arbitrary<PlaceCommand> = fc
  .record(
    {
      kind: fc.constant("place" as const),
      id: requestId,
      side: fc.constantFrom("buy" as const, "sell" as const),
      shape: fc.constant("lines" as const),
      lines: fc.array(line, { minLength: 1, maxLength: 4 }),
      reference: fc.string({ unit: "binary", maxLength: 20 }),
      customer: fc.string({ unit: "binary", maxLength: 20 }),
    },
    { requiredKeys: ["kind", "id", "side", "shape", "lines"], noNullPrototype: true },
  )
  .map((command) => (command.lines.length === 1 ? { ...command, shape: "single" as const } : command));
const acknowledgeCommand: fc.Arbitrary<Command> = fc
  .tuple(
    fc.integer({ min: 0, max: 30 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 29 }), { maxLength: 5 }),
    fc.integer({ min: 2, max: 4 }),
  )
  .map(([below, open, session]) =>
    acknowledgement(
      below,
      open.filter((sequence) => sequence < below).sort((a, b) => a - b),
      session,
    ),
  );
const addItemCommand: fc.Arbitrary<Command> = fc
  .tuple(requestId, names, fc.integer({ min: 0, max: 120 }))
  .map(([id, name, quantity]) => ({ kind: "add-item", id, item: { name, priceMinor: 70, quantity } }));

/** Commands that meet each other: few items, few ids, small stocks. Never `found`. */
export const someCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: placeCommand },
  { weight: 2, arbitrary: acknowledgeCommand },
  { weight: 1, arbitrary: addItemCommand },
  { weight: 1, arbitrary: fc.constant<Command>({ kind: "open-session" }) },
  { weight: 1, arbitrary: fc.constant(tick) },
);
