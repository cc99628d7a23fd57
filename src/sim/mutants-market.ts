/** Bugs in the market, and in what clients are promised of their orders. */
import type { Mutant } from "./mutants.ts";

export const marketMutants: readonly Mutant[] = [
  {
    name: "oversold-by-one",
    rule: "no more is sold than there is",
    file: "market/place.ts",
    from: "if (requested > stock) {",
    to: "if (requested > stock + 1) {",
  },
  {
    name: "time-of-its-own",
    rule: "what is applied depends on nothing but the log",
    file: "market/place.ts",
    from: "    totalMinor,\n    at,\n  };",
    to: "    totalMinor,\n    at: Date.now(),\n  };",
  },
  {
    name: "orders-not-hashed",
    rule: "the state's hash is that of all rows",
    file: "market/entry.ts",
    from: "entry.market.sum.add(orderHash(order));",
    to: "",
  },
  {
    name: "answers-not-hashed-out",
    rule: "a forgotten answer leaves the hash",
    file: "market/entry.ts",
    from: "entry.market.sum.subtract(held.hash);",
    to: "",
  },
  {
    name: "keys-not-looked-up",
    rule: "the same key is applied once, also after a failover",
    file: "order/applier.ts",
    from: "for (const answer of await this.#host.store.answers(keys)) rememberKey(answers, answer);",
    to: "await this.#host.store.answers(keys);",
  },
  {
    name: "keys-of-a-batch-not-seen",
    rule: "the same key is applied once, also within what is applied together",
    file: "order/applier.ts",
    from: "for (const answer of rows.answers) rememberKey(answers, answer);",
    to: "",
  },
  {
    name: "resent-under-another-id",
    rule: "an order is sent again under its own id",
    file: "frontend/outbox.ts",
    from: "frame.push(pending);",
    to: `if (pending.sentMs !== -1) pending.command[pending.command.length - 1] = pending.ticket & 0x7f;
        frame.push(pending);`,
  },
  {
    name: "session-forgets-too-early",
    rule: "only answers that were delivered are forgotten",
    file: "frontend/session.ts",
    from: "const below = this.#below;",
    to: "const below = this.#next;",
  },
  {
    name: "sessions-not-looked-up",
    rule: "the same session and sequence is applied once",
    file: "market/apply.ts",
    from: "if (held !== undefined) return repeated(market, held.answer, body);",
    to: "",
  },
  {
    name: "refusal-forgotten",
    rule: "a refusal is remembered under its key",
    file: "market/apply.ts",
    from: "rememberKey(entry, key, answer(market, command, body, reply));",
    to: 'if (reply.kind !== "refused") rememberKey(entry, key, answer(market, command, body, reply));',
  },
  {
    name: "unknown-told-as-definite",
    rule: "what may have happened is not told as certainly not happened",
    file: "frontend/outbox.ts",
    from: "const definite = pending.flight === undefined && !pending.unknown;",
    to: "const definite = true;",
  },
  {
    name: "lost-attempt-forgotten",
    rule: "an attempt whose fate was not learnt leaves the outcome unknown",
    file: "frontend/outbox.ts",
    from: "if (!failures[result.code].definite) pending.unknown = true;",
    to: "",
  },
  {
    name: "body-not-compared",
    rule: "one key with another body is refused",
    file: "market/apply.ts",
    from: 'if (!equalHash(earlier.body, body)) return { kind: "key-reused", position: market.position };',
    to: "",
  },
];
