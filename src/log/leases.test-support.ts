/**
 * What every adapter of the log port must do about leases, as tests of the conformance suite. Leases are a matter of
 * real time, so these are too: an entry that is given is held against the time until which its holders could rely on
 * their leases. No test fails because a machine is slow; one on which a lease lapses early only proves less.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import { setImmediate, setTimeout } from "node:timers/promises";
import { leaseTimes } from "../base/limits.ts";
import { type LogIndex, logIndex } from "../base/units.ts";
import { bytes, type LogGroup, take } from "./group.test-support.ts";
import type { ReplicatedLog } from "./port.ts";

/** What waits for ever when a rule is broken must fail. */
const timeout = 20_000;

let lastHolder = 0;

/** A lease, seen from its holder. */
class Holder {
  readonly #log: ReplicatedLog;
  readonly #number: number;
  /** Until then it may rely on it. */
  until: number;

  private constructor(log: ReplicatedLog, number: number, until: number) {
    this.#log = log;
    this.#number = number;
    this.until = until;
  }

  /** A new one, as soon as the log grants leases. */
  static async fresh(log: ReplicatedLog): Promise<Holder> {
    for (;;) {
      const number = ++lastHolder;
      const askedAt = performance.now();
      const remainingMs = log.leases.grant(number, true);
      if (remainingMs !== undefined) return new Holder(log, number, askedAt + remainingMs);
      await setImmediate();
    }
  }

  /** Returns whether it is live still. */
  renew(): boolean {
    const askedAt = performance.now();
    const remainingMs = this.#log.leases.grant(this.#number, false);
    if (remainingMs !== undefined) this.until = Math.max(this.until, askedAt + remainingMs);
    return remainingMs !== undefined;
  }

  /** Renew it as often as front-ends do, for so many times, until `given` is settled, or until it has lapsed. */
  async keep(given: Promise<unknown>, times: number): Promise<void> {
    const over = given.then(() => true);
    for (let i = 0; i < times && this.renew(); i++) {
      if (await Promise.race([over, setTimeout(leaseTimes.renewEveryMs, false)])) return;
    }
  }

  acknowledge(through: LogIndex): void {
    this.#log.leases.acknowledge(this.#number, through);
  }

  end(): void {
    this.#log.leases.end(this.#number);
  }
}

/** When the member is given its next entry behind `after`. */
async function givenAt(member: ReplicatedLog, after = logIndex(0)): Promise<number> {
  await take(member, 1, after);
  return performance.now();
}

function append(leader: ReplicatedLog, payload: string): LogIndex {
  return leader.append(bytes(payload), leader.leadership.term, 1);
}

export function itKeepsLeases(group: () => LogGroup): void {
  it("gives an entry to nobody before a live lease has acknowledged it, however often it is renewed", {
    timeout,
  }, async () => {
    const leader = await group().leader();
    const holder = await Holder.fresh(leader);
    const index = append(leader, "a");
    const given = group()
      .members()
      .map((member) => givenAt(member));
    await holder.keep(Promise.race(given), 10);
    const acknowledgedAt = performance.now();
    holder.acknowledge(index);
    for (const at of await Promise.all(given)) {
      assert.ok(at >= Math.min(acknowledgedAt, holder.until), `given ${acknowledgedAt - at} ms too early`);
    }
  });

  it("waits until a lease is over that is not acknowledged, and does not renew it then", {
    timeout,
  }, async () => {
    const leader = await group().leader();
    const holder = await Holder.fresh(leader);
    append(leader, "a");
    const given = group()
      .members()
      .map((member) => givenAt(member));
    for (const at of await Promise.all(given)) {
      assert.ok(at >= holder.until, `given ${holder.until - at} ms too early`);
    }
    assert.equal(holder.renew(), false);
  });

  it("lets no acknowledgement stand for what was appended later", { timeout }, async () => {
    const leader = await group().leader();
    const holder = await Holder.fresh(leader);
    const first = append(leader, "a");
    append(leader, "b");
    const second = givenAt(leader, first);
    holder.acknowledge(first);
    assert.ok((await second) >= holder.until);
  });

  it("asks a fresh holder for no acknowledgement of what was appended before", { timeout }, async () => {
    const leader = await group().leader();
    const former = await Holder.fresh(leader);
    const index = append(leader, "a");
    const given = givenAt(leader);
    const fresh = await Holder.fresh(leader);
    former.acknowledge(index);
    // For as long as it takes: if the fresh one were waited for, this would never end.
    await fresh.keep(given, Number.POSITIVE_INFINITY);
    await given;
  });

  it("waits for no lease that was given up, and renews none", { timeout }, async () => {
    const leader = await group().leader();
    let inTime = false;
    for (let attempt = 0; attempt < 10 && !inTime; attempt++) {
      const holder = await Holder.fresh(leader);
      const index = append(leader, "a");
      holder.end();
      assert.equal(holder.renew(), false);
      inTime = (await givenAt(leader, logIndex(index - 1))) < holder.until;
    }
    assert.ok(inTime, "each time the entry came only when the lease would have been over anyway");
  });

  it("does not give it under a later leader either before the lease is over", { timeout }, async () => {
    const leader = await group().leader();
    const holder = await Holder.fresh(leader);
    append(leader, "a");
    await group().crash(leader);
    const next = await group().leader();
    append(next, "b");
    for (const at of await Promise.all(
      group()
        .members()
        .map((member) => givenAt(member)),
    )) {
      assert.ok(at >= holder.until, `given ${holder.until - at} ms too early`);
    }
  });

  it("answers a later leader's barrier with an index that covers all that is left of earlier terms", {
    timeout,
  }, async () => {
    const leader = await group().leader();
    await Holder.fresh(leader);
    append(leader, "a");
    await group().crash(leader);
    const next = await group().leader();
    const { term } = next.leadership;
    const covered = await next.barrier();
    append(next, "b");
    for await (const batch of next.committed(covered)) {
      assert.ok(batch.every((entry) => entry.term >= term));
      if (batch.some((entry) => entry.payload.length > 0)) break;
    }
  });

  it("grants no lease where it does not lead", async () => {
    const leader = await group().leader();
    for (const member of group().members()) {
      if (member !== leader) assert.equal(member.leases.grant(++lastHolder, true), undefined);
    }
  });
}
