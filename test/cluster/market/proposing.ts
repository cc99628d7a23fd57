/**
 * From submissions to log entries: what `src/order/proposals.ts` does, but for its bounds. At most two entries are under
 * way; what comes meanwhile collects in the next one.
 */

import type { Term } from "../../../src/base/units.ts";
import { encodeBatch } from "../../../src/market/codec.ts";
import type { Command } from "../../../src/market/command.ts";
import type { AskerLink } from "./frontend-link.ts";

export interface Asker {
  readonly link: AskerLink;
  readonly ticket: number;
}

interface Proposal {
  readonly bytes: Uint8Array;
  readonly command: Command;
  readonly asker: Asker | undefined;
}

export interface Proposed {
  readonly askers: readonly (Asker | undefined)[];
}

export interface ProposingHost {
  fence(): Term | undefined;
  append(payload: Uint8Array, commands: readonly Command[], token: number): void;
  /** What has been added in this turn is to be proposed at its end. */
  atTurnsEnd(propose: () => void): void;
}

const entriesUnderWay = 2;

export class Proposing {
  readonly #host: ProposingHost;
  #waiting: Proposal[] = [];
  readonly #underWay = new Map<number, Proposed>();
  #lastToken = 0;

  constructor(host: ProposingHost) {
    this.#host = host;
  }

  add(command: Command, bytes: Uint8Array, asker: Asker | undefined): void {
    if (this.#waiting.push({ command, bytes, asker }) === 1) this.#schedule();
  }

  take(token: number): Proposed | undefined {
    const proposed = this.#underWay.get(token);
    this.#underWay.delete(token);
    if (this.#waiting.length > 0) this.#schedule();
    return proposed;
  }

  abandon(): void {
    for (const { askers } of this.#underWay.values())
      for (const asker of askers) asker?.link.fail(asker.ticket, "outcome-unknown");
    this.#underWay.clear();
    this.#refuseWaiting();
  }

  #schedule(): void {
    this.#host.atTurnsEnd(() => this.#propose());
  }

  #propose(): void {
    if (this.#waiting.length === 0 || this.#underWay.size >= entriesUnderWay) return;
    if (this.#host.fence() === undefined) return this.#refuseWaiting();
    const entry = this.#waiting;
    this.#waiting = [];
    const payload = encodeBatch(
      0,
      entry.map(({ bytes }) => bytes),
    );
    const token = ++this.#lastToken;
    this.#underWay.set(token, { askers: entry.map(({ asker }) => asker) });
    this.#host.append(
      payload,
      entry.map(({ command }) => command),
      token,
    );
  }

  #refuseWaiting(): void {
    for (const { asker } of this.#waiting) asker?.link.fail(asker.ticket, "not-leader");
    this.#waiting = [];
  }
}
