/**
 * Keeps one session with the market open: opens it, acknowledges what was delivered, and opens another when the
 * market has forgotten it or too many of its sequences were left open. The one before stays as it is: its clients
 * may still come back.
 */
import type { SessionId } from "../base/units.ts";
import { decodeReply, encodeCommand } from "../market/codec.ts";
import type { Replicas } from "./replicas.ts";
import { Session } from "./session.ts";

export class SessionKeeper {
  readonly #replicas: Replicas;
  readonly #opened: (session: SessionId) => void;
  #session: Session | undefined;
  #opening = false;
  #acknowledging = false;

  /** `opened` is called for every session that begins. */
  constructor(replicas: Replicas, opened: (session: SessionId) => void) {
    this.#replicas = replicas;
    this.#opened = opened;
  }

  /** Undefined until the first one is open, and from a loss to the next one. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** The market does not know this session any more. */
  lost(id: SessionId): void {
    if (this.#session?.id === id) this.#session = undefined;
  }

  /** Do what is due. */
  tick(nowMs: number): void {
    if (this.#session === undefined || this.#session.worn) this.#open(nowMs);
    this.#acknowledge(nowMs, false);
  }

  /** The last acknowledgement before the process ends; true once nothing is left to say. */
  farewell(nowMs: number): boolean {
    if (this.#session?.unacknowledged === true) this.#acknowledge(nowMs, true);
    return !this.#acknowledging && this.#session?.unacknowledged !== true;
  }

  #open(nowMs: number): void {
    if (this.#opening || this.#replicas.leader === undefined) return;
    this.#opening = true;
    this.#replicas.submit(nowMs, encodeCommand({ kind: "open-session" }), ({ outcome }, settledMs) => {
      this.#opening = false;
      if (outcome.kind !== "reply") return;
      const reply = decodeReply(outcome.reply);
      if (reply.kind !== "session-opened") return;
      this.#session = new Session(reply.session, settledMs);
      this.#opened(reply.session);
    });
  }

  #acknowledge(nowMs: number, force: boolean): void {
    if (this.#acknowledging) return;
    const command = this.#session?.acknowledge(nowMs, force);
    if (command === undefined) return;
    this.#acknowledging = true;
    this.#replicas.submit(nowMs, encodeCommand(command), () => {
      this.#acknowledging = false;
    });
  }
}
