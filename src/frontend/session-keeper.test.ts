import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { orderTimes } from "../base/limits.ts";
import { position, sessionId } from "../base/units.ts";
import { decodeCommand, encodeReply } from "../market/codec.ts";
import { sessionLimits } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import type { Settled } from "./replicas.ts";
import type { Session } from "./session.ts";
import { SessionKeeper } from "./session-keeper.ts";

/** A keeper before an outbox whose leader answers when the test says so. */
class World {
  readonly #outbox = new Outbox<Settled>(0);
  /** The kinds of the commands that were handed to the leader. */
  readonly sent: string[] = [];
  readonly opened: number[] = [];
  readonly keeper: SessionKeeper;
  #sessions = 0;
  #tickets = 0;

  constructor() {
    this.#outbox.leaderChanged(0, { link: 1, term: 1 });
    const address = { id: 1, name: "order-1", host: "127.0.0.1", port: 1 };
    const replicas = {
      leader: { link: 1, replica: 1, term: 1, address },
      submit: (nowMs: number, command: Uint8Array, settled: Settled) => {
        this.sent.push(decodeCommand(command).kind);
        this.#tickets = this.#outbox.submit(nowMs, command, settled).ticket;
      },
    };
    this.keeper = new SessionKeeper(replicas, (session) => this.opened.push(session));
  }

  get session(): Session {
    return this.keeper.session ?? assert.fail("no session");
  }

  /** The leader's answer to the command that came last. */
  reply(nowMs: number, reply: Uint8Array): void {
    this.#outbox.flush(nowMs, () => true);
    const settlement = this.#outbox.result(nowMs, 1, { kind: "reply", ticket: this.#tickets, reply });
    settlement?.pending.request(settlement, nowMs);
  }

  /** The leader stays silent for so long that everything under way is given up. */
  silence(nowMs: number): void {
    this.#outbox.flush(nowMs, () => true);
    for (const settlement of this.#outbox.tick(nowMs)) settlement.pending.request(settlement, nowMs);
  }

  open(nowMs: number): void {
    this.keeper.tick(nowMs);
    const session = sessionId(++this.#sessions);
    this.reply(nowMs, encodeReply({ kind: "session-opened", position: position(session), session }));
  }
}

const done = encodeReply({ kind: "done", position: position(9) });

describe("a session's keeper", () => {
  test("opens another session instead of acknowledging a worn one, and is silent until it has it", () => {
    const world = new World();
    world.open(0);
    const first = world.session.take(sessionLimits.open);
    for (let i = 0; i < sessionLimits.open; i++) world.session.leftOpen(first + i);
    world.sent.length = 0;
    let nowMs = sessionLimits.acknowledgeMs;
    for (let outage = 0; outage < 3; outage++) {
      world.keeper.tick(nowMs);
      nowMs += orderTimes.deadlineMs;
      world.silence(nowMs);
    }
    assert.deepEqual(world.sent, ["open-session", "open-session", "open-session"]);
    assert.equal(world.keeper.farewell(nowMs), true);
    assert.equal(world.sent.length, 3);
    world.open(nowMs);
    assert.deepEqual(world.opened, [1, 2]);
    world.session.delivered(world.session.take());
    world.keeper.tick(nowMs + sessionLimits.acknowledgeMs);
    assert.equal(world.sent.at(-1), "acknowledge");
  });

  test("acknowledges again what an acknowledgement said that was lost, though nothing else happens", () => {
    const world = new World();
    world.open(0);
    world.session.delivered(world.session.take());
    world.sent.length = 0;
    let nowMs: number = sessionLimits.acknowledgeMs;
    world.keeper.tick(nowMs);
    nowMs += orderTimes.deadlineMs;
    world.silence(nowMs);
    world.keeper.tick(nowMs);
    assert.deepEqual(world.sent, ["acknowledge", "acknowledge"]);
    world.reply(nowMs, done);
    world.keeper.tick(nowMs + sessionLimits.acknowledgeMs);
    assert.equal(world.sent.length, 2);
  });

  test("takes a damaged reply for none and opens a session by another command", () => {
    const world = new World();
    world.keeper.tick(0);
    world.reply(0, new Uint8Array([255]));
    assert.equal(world.keeper.session, undefined);
    world.open(0);
    assert.deepEqual(world.opened, [1]);
  });
});
