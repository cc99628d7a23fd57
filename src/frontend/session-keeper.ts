/**
 * Keeps one session with the market open: opens it, acknowledges what was delivered, and opens another when the
 * market has forgotten it or too many of its sequences are open. The one before stays as it is and is not
 * acknowledged any more: its clients may still come back.
 */
import type { SessionId } from "../base/units.ts";
import { encodeCommand } from "../market/codec.ts";
import { readReplyIfAny } from "./reading.ts";
import type { Replicas } from "./replicas.ts";
import { Session } from "./session.ts";

/** What a keeper needs of the replicas. */
type Submitter = Pick<Replicas, "leader" | "submit">;

export class SessionKeeper {
  readonly #replicas: Submitter;
  readonly #opened: (session: SessionId) => void;
  #session: Session | undefined;
  #opening = false;
  #acknowledging = false;

  /** `opened` is called for every session that begins. */
  constructor(replicas: Submitter, opened: (session: SessionId) => void) {
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
    else this.#acknowledge(nowMs, this.#session, false);
  }

  /** The last acknowledgement before the process ends; true once nothing is left to say. */
  farewell(nowMs: number): boolean {
    if (this.#session?.unacknowledged === true) this.#acknowledge(nowMs, this.#session, true);
    return !this.#acknowledging && this.#session?.unacknowledged !== true;
  }

  #open(nowMs: number): void {
    if (this.#opening || this.#replicas.leader === undefined) return;
    this.#opening = true;
    this.#replicas.submit(nowMs, encodeCommand({ kind: "open-session" }), ({ outcome }, settledMs) => {
      this.#opening = false;
      const reply = outcome.kind === "reply" ? readReplyIfAny(outcome.reply) : undefined;
      if (reply?.kind !== "session-opened") return;
      this.#session = new Session(reply.session, settledMs);
      this.#opened(reply.session);
    });
  }

  #acknowledge(nowMs: number, session: Session, force: boolean): void {
    if (this.#acknowledging) return;
    const command = session.acknowledge(nowMs, force);
    if (command === undefined) return;
    this.#acknowledging = true;
    this.#replicas.submit(nowMs, encodeCommand(command), ({ outcome }) => {
      this.#acknowledging = false;
      if (outcome.kind !== "reply") session.acknowledgementLost();
    });
  }
}
