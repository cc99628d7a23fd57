/**
 * Faults of the network that are made on purpose, for teaching and for tests: links that are cut or slow. The supervisor
 * tells each process the rules that concern it; what they mean for the connection to one peer is decided here by a pure
 * function, and done by `Connection`. So no rights are needed, and the same faults work on any system.
 *
 * A cut link is a partition, not a closed socket. What is sent is held, as TCP would go on sending it, and arrives when
 * the link is healed; who dials gets no answer; that the other process has ended is not noticed. Where only one way is
 * cut the other goes on for a while on connections that are there, and none can be made: a dial needs both.
 */
import { randomBytes } from "node:crypto";
import { type Random, seededRandom } from "../base/random.ts";

/** What `from` sends to `to` does not arrive. Both are names of processes. */
export interface LinkCut {
  readonly from: string;
  readonly to: string;
}

/** Whatever `name` sends or receives comes so much later, and as much as a resend later still with probability `loss`. */
export interface LinkSlow {
  readonly name: string;
  readonly delayMs: number;
  readonly loss: number;
}

export interface LinkRules {
  readonly cuts: readonly LinkCut[];
  readonly slows: readonly LinkSlow[];
}

export const noLinkRules: LinkRules = { cuts: [], slows: [] };

export const linkLimits = {
  delayMsMax: 60_000,
  /** A lossy link stays a link: with more it would be a cut one. */
  lossMax: 0.9,
} as const;

/** What ails one direction of a connection. */
export interface LaneFault {
  readonly cut: boolean;
  readonly delayMs: number;
  readonly loss: number;
}

/** What ails a connection, as seen from this side. */
export interface LinkFault {
  readonly sending: LaneFault;
  readonly receiving: LaneFault;
}

/**
 * What the rules mean for connections between `self` and `peer`; `undefined`: nothing. A cut is done at both ends, since
 * they hear of it at different times. A delay is done by the slow process alone, and once for each way.
 */
export function faultOf(rules: LinkRules, self: string, peer: string): LinkFault | undefined {
  const cuts = (from: string, to: string): boolean =>
    rules.cuts.some((cut) => cut.from === from && cut.to === to);
  const slow = rules.slows.find(({ name }) => name === self);
  const delay = { delayMs: slow?.delayMs ?? 0, loss: slow?.loss ?? 0 };
  const sending = { cut: cuts(self, peer), ...delay };
  const receiving = { cut: cuts(peer, self), ...delay };
  return slow === undefined && !sending.cut && !receiving.cut ? undefined : { sending, receiving };
}

/** A connection that a rule concerns. */
export interface AilingLink {
  readonly peer: string;
  /** The rules have changed; `undefined`: it is healed. */
  heed(fault: LinkFault | undefined): void;
}

/** The rules that concern a process, and the connections that they were found to concern. */
export class LinkFaults {
  /** Decides what is lost. */
  readonly random: Random;
  #active = false;
  #self = "";
  #rules = noLinkRules;
  readonly #faults = new Map<string, LinkFault | undefined>();
  /** Only these must be told of a change: a connection that is well asks by itself while `active`. */
  readonly #ailing = new Set<AilingLink>();

  constructor(random: Random) {
    this.random = random;
  }

  /** Whether there are any rules: all that is looked at while there are none. */
  get active(): boolean {
    return this.#active;
  }

  /** What ails the link to this process now. */
  of(peer: string): LinkFault | undefined {
    if (!this.#active) return undefined;
    if (!this.#faults.has(peer)) this.#faults.set(peer, faultOf(this.#rules, this.#self, peer));
    return this.#faults.get(peer);
  }

  /** Whether a dial to this process is never answered. */
  hangs(peer: string): boolean {
    const fault = this.of(peer);
    return fault !== undefined && (fault.sending.cut || fault.receiving.cut);
  }

  /** From now on these rules hold, and no others. */
  set(self: string, rules: LinkRules): void {
    this.#self = self;
    this.#rules = rules;
    this.#active = rules.cuts.length > 0 || rules.slows.length > 0;
    this.#faults.clear();
    for (const link of [...this.#ailing]) link.heed(this.of(link.peer));
  }

  join(link: AilingLink): void {
    this.#ailing.add(link);
  }

  leave(link: AilingLink): void {
    this.#ailing.delete(link);
  }
}

/**
 * Those of this process. Not handed down to every connection, since they are done to the process as a whole, from outside,
 * and no part of it is to know of them.
 */
export const linkFaults = new LinkFaults(seededRandom(randomBytes(6).readUIntLE(0, 6)));
