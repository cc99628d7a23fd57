/**
 * From submissions to log entries. While as many entries as pay off are on their way, the next one collects: so the
 * entry's size follows the load by itself, and nobody ever waits for an entry to fill.
 */
import { OperatingFailure } from "../base/failure.ts";
import type { Term } from "../base/units.ts";
import { encodeBatch } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import type { FrontendLink } from "./frontend-link.ts";

const limits = {
  /** Entries that are appended and not yet handed out as committed. More only makes entries smaller, each order dearer. */
  entriesUnderWay: 2,
  commandsPerEntry: 2_000,
  bytesPerEntry: 1024 * 1024,
  /** What waits for its entry; at either bound a submission is refused, definitely. */
  waitingCommands: 100_000,
  waitingBytes: 64 * 1024 * 1024,
} as const;

/** Who asked for a command, and under which ticket; nobody for the replica's own. */
export interface Asker {
  readonly link: FrontendLink;
  readonly ticket: number;
}

interface Proposal {
  readonly bytes: Uint8Array;
  readonly command: Command;
  readonly asker: Asker | undefined;
}

/** An entry of this replica's making, kept until it comes back committed. */
export interface Proposed {
  readonly at: number;
  readonly commands: readonly Command[];
  readonly askers: readonly (Asker | undefined)[];
}

export interface ProposalsHost {
  /** The term under which this replica may append; `undefined`: it may not. */
  fence(): Term | undefined;
  /** `payload` is `commands`, encoded. Throws as the log's `append` does. */
  append(payload: Uint8Array, commands: readonly Command[], fence: Term, token: number): void;
  /** Unix milliseconds, for `at`. */
  wallClock(): number;
}

export class Proposals {
  readonly #host: ProposalsHost;
  #waiting: Proposal[] = [];
  #waitingBytes = 0;
  readonly #underWay = new Map<number, Proposed>();
  #lastToken = 0;
  #scheduled = false;

  constructor(host: ProposalsHost) {
    this.#host = host;
  }

  /** `bytes` is `command`, encoded. It is answered through the asker's link, in any case. */
  add(command: Command, bytes: Uint8Array, asker: Asker | undefined): void {
    if (this.#waiting.length >= limits.waitingCommands || this.#waitingBytes >= limits.waitingBytes) {
      asker?.link.fail(asker.ticket, "unavailable");
      return;
    }
    this.#waiting.push({ command, bytes, asker });
    this.#waitingBytes += bytes.length;
    this.#schedule();
  }

  /** The entry with this token was committed: who is to be told. `undefined` if it was given up before. */
  take(token: number): Proposed | undefined {
    const proposed = this.#underWay.get(token);
    this.#underWay.delete(token);
    if (this.#waiting.length > 0) this.#schedule();
    return proposed;
  }

  /** Leadership is over: what was appended may or may not be committed, what waits was certainly not. */
  abandon(): void {
    for (const { askers } of this.#underWay.values()) {
      for (const asker of askers) asker?.link.fail(asker.ticket, "outcome-unknown");
    }
    this.#underWay.clear();
    this.#refuseWaiting("not-leader");
  }

  /** All that one frame brought, or that waited for an entry to be committed, becomes one entry. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#propose();
    });
  }

  #propose(): void {
    while (this.#waiting.length > 0 && this.#underWay.size < limits.entriesUnderWay) {
      const fence = this.#host.fence();
      if (fence === undefined) {
        this.#refuseWaiting("not-leader");
        return;
      }
      const entry = this.#nextEntry();
      const at = this.#host.wallClock();
      const token = ++this.#lastToken;
      const payload = encodeBatch(
        at,
        entry.map((proposal) => proposal.bytes),
      );
      const commands = entry.map((proposal) => proposal.command);
      this.#underWay.set(token, { at, commands, askers: entry.map((proposal) => proposal.asker) });
      try {
        this.#host.append(payload, commands, fence, token);
      } catch (error) {
        if (!(error instanceof OperatingFailure)) throw error;
        this.#underWay.delete(token);
        for (const { asker } of entry) asker?.link.fail(asker.ticket, error.code);
      }
    }
  }

  #nextEntry(): readonly Proposal[] {
    const waiting = this.#waiting;
    let count = 0;
    let bytes = 0;
    while (count < waiting.length && count < limits.commandsPerEntry) {
      const { length } = (waiting[count] as Proposal).bytes;
      if (bytes + length > limits.bytesPerEntry && count > 0) break;
      bytes += length;
      count++;
    }
    this.#waitingBytes -= bytes;
    this.#waiting = waiting.slice(count);
    return count === waiting.length ? waiting : waiting.slice(0, count);
  }

  #refuseWaiting(code: "not-leader"): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { asker } of waiting) asker?.link.fail(asker.ticket, code);
  }
}
