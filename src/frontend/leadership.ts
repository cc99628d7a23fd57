/** Who leads, as far as a front-end can tell: of the replicas that say so themselves, the one of the highest term. */
import type { LeadershipNotice } from "../wire/service.ts";

/** A connected replica and what it said last. */
export interface Informant {
  readonly link: number;
  readonly replica: number;
  readonly notice: LeadershipNotice | undefined;
}

export interface KnownLeader {
  readonly link: number;
  readonly replica: number;
  readonly term: number;
}

export function chooseLeader(informants: Iterable<Informant>): KnownLeader | undefined {
  let best: KnownLeader | undefined;
  for (const { link, replica, notice } of informants) {
    if (notice?.leading !== true || (best !== undefined && notice.term <= best.term)) continue;
    best = { link, replica, term: notice.term };
  }
  return best;
}
