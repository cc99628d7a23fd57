/** Bugs in leases, the cache and the change feed. */
import type { Mutant } from "./mutants.ts";

export const readMutants: readonly Mutant[] = [
  {
    name: "commit-not-gated",
    rule: "nothing is committed that a live lease has not acknowledged",
    file: "raft/commit.ts",
    from: "const index = gate < held ? gate : held;",
    to: "const index = held;",
  },
  {
    name: "new-leader-does-not-wait",
    rule: "a new leader commits nothing until former leases are over",
    file: "raft/election.ts",
    from: "commitsFrom: raft.now + (raft.drained ? 0 : formerLeasesMs(raft)),",
    to: "commitsFrom: raft.now,",
  },
  {
    name: "transfer-without-draining",
    rule: "leadership is handed over when leases are over",
    file: "raft/lease-gate.ts",
    from: "for (const lease of reign.leases.values()) if (lease.until > raft.now) return false;",
    to: "",
  },
  {
    name: "grant-from-its-answer",
    rule: "a lease lasts from when the round that confirms it was sent",
    file: "raft/leases.ts",
    from: "return reign.confirmedAt + config.leaseMs - now;",
    to: "return config.leaseMs;",
  },
  {
    name: "lease-counted-from-the-grant",
    rule: "a holder counts its lease from when it sent its request",
    file: "frontend/lease.ts",
    from: "const untilMs = sent.sentMs + grant.remainingMs;",
    to: "const untilMs = nowMs + grant.remainingMs;",
  },
  {
    name: "clock-not-read-again",
    rule: "a hit reads the clock after its request was parsed",
    file: "frontend/hits.ts",
    from: "if (content === undefined || !reads.holds(startedMs)) return false;",
    to: "if (content === undefined) return false;",
  },
  {
    name: "cache-kept-across-sessions",
    rule: "the cache is dropped when a session is over",
    file: "frontend/cache.ts",
    from: `    this.#session++;
    this.#slots.clear();
    this.#spelled.clear();
    this.#recency.clear();
    this.#pagesWith.clear();`,
    to: "    this.#session++;",
  },
  {
    name: "older-fill-kept",
    rule: "a fill that began before an invalidation does not overwrite it",
    file: "frontend/cache.ts",
    from: 'if (typeof subject === "number") return at >= this.#itemFloor(subject);',
    to: 'if (typeof subject === "number") return true;',
  },
  {
    name: "miss-without-a-floor",
    rule: "a miss asks for what is at least as new as the item's last invalidation",
    file: "frontend/cache.ts",
    from: 'return typeof subject === "number" ? this.#itemFloor(subject) : this.#acknowledged;',
    to: "return nowhere;",
  },
  {
    name: "acknowledged-before-dropped",
    rule: "an invalidation is acknowledged when it is carried out",
    file: "frontend/leased-reads.ts",
    from: "this.#cache.invalidate(position, touched);",
    to: "setTimeout(() => this.#cache.invalidate(position, touched), 20);",
  },
  {
    name: "pages-survive-invalidation",
    rule: "a page is dropped with any item on it",
    file: "frontend/cache.ts",
    from: "if (pages !== undefined) for (const page of [...pages]) this.#empty(page);",
    to: "",
  },
  {
    name: "barrier-of-a-read-ignored",
    rule: "without a lease a read shows at least what the leader's barrier passed",
    file: "frontend/item-reads.ts",
    from: 'return ask(desk, read, { kind: "at-least", position: at }, "catalog", behind);',
    to: 'return ask(desk, read, { kind: "stale" }, "catalog", behind);',
  },
  {
    name: "barrier-not-applied",
    rule: "a read is served when what its barrier passed is applied",
    file: "order/replica.ts",
    from: "await this.#applied.whenIndex(await this.#log.barrier());",
    to: "await this.#log.barrier();",
  },
  {
    name: "answered-below-the-position",
    rule: "a catalog answers at or beyond the position that is asked for",
    file: "answering/questions.ts",
    from: "if (freshness.position <= host.applied.position) answer(host, find, asker, question);",
    to: "if (freshness.position >= 0) answer(host, find, asker, question);",
  },
  {
    name: "feed-behind-taken-over",
    rule: "a catalog never serves an older state than before",
    file: "catalog/feed-follower.ts",
    from: "if (served !== undefined && told.position < served.position) return none;",
    to: "",
  },
  {
    name: "change-lacks-a-row",
    rule: "a change tells all rows that its entry changed",
    file: "order/feed.ts",
    from: "const page = encodeRows(items, writeItem, changeBytesMax);",
    to: "const page = encodeRows(items.slice(0, 2), writeItem, changeBytesMax);",
  },
];
