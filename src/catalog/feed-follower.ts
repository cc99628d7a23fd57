/**
 * Decides whose change feed a catalog follows, and what it serves of it: frames, losses and the passing of time in,
 * decisions out. There is no socket here and no clock.
 *
 * A feed can end, have a gap, or fall silent: its replica is dead, or is paused, or is cut off from the others. Then the
 * next replica in turn is followed, from its whole state on. That one may be behind; until its feed has told as much as is
 * served already, it is kept apart. So what is served is at every moment some replica's items at one position, and
 * the position never falls.
 */
import type { LogIndex, Position } from "../base/units.ts";
import { emptyTable } from "../market/item-table.ts";
import type { Change, FeedItems } from "../wire/feed.ts";
import { type CatalogItem, type CatalogItems, putRows } from "./catalog-items.ts";

/** The items as they are after the entry at `index`, the last command of which has `position`. */
export interface FeedState {
  index: LogIndex;
  position: Position;
  readonly items: CatalogItems;
  /** Whether all parts of the first state have come. */
  whole: boolean;
}

export interface FeedFollower {
  /** Replicas there are, and the one whose feed is followed: a number below that. */
  replicas: number;
  replica: number;
  readonly silenceMs: number;
  /** What this replica's feed has told so far. */
  told: FeedState | undefined;
  /** What is answered from. It is `told` itself once that has caught up. */
  served: FeedState | undefined;
  /** For how long nothing has come. */
  silentMs: number;
  /** Feeds in a row that told as much as was known before, and then nothing. */
  quietFeeds: number;
  /** Feeds in a row that did not tell of one entry. */
  failedFeeds: number;
}

export type FeedInput =
  | { readonly kind: "items"; readonly part: FeedItems }
  | { readonly kind: "change"; readonly change: Change }
  /** The connection has ended, or there was none to be had. */
  | { readonly kind: "lost" }
  /** So much time went by. */
  | { readonly kind: "elapsed"; readonly ms: number };

export type FeedDecision =
  | { readonly kind: "none" }
  /** `served` has another position, or is another feed's. */
  | { readonly kind: "advanced"; readonly served: FeedState; readonly takenOver: boolean }
  /** Leave the replica that was followed, if any; follow `follower.replica` when `afterMs` have passed. */
  | { readonly kind: "follow"; readonly afterMs: number };

const none: FeedDecision = { kind: "none" };

/** When every replica was tried in vain, the next round waits so long at first, and twice as long after each further one. */
const roundPauseMs = 50;
const roundPauseMsMax = 1_000;
/** A feed that is silent although it is complete is borne with at most 2^this times as long: nobody may have news. */
const patienceDoublingsMax = 4;

/**
 * Follows the replica `first` to begin with. A replica that says nothing for longer than `silenceMs` is left: its
 * leader logs a tick every second.
 */
export function feedFollower(replicas: number, first: number, silenceMs: number): FeedFollower {
  return {
    replicas,
    replica: first % replicas,
    silenceMs,
    told: undefined,
    served: undefined,
    silentMs: 0,
    quietFeeds: 0,
    failedFeeds: 0,
  };
}

/**
 * Take one input of the replica that is followed. Throws `DecodeError` if its frame is malformed; `served` is then as
 * it was, and the connection is to be ended, and `lost`.
 */
export function step(follower: FeedFollower, input: FeedInput): FeedDecision {
  switch (input.kind) {
    case "items":
      follower.silentMs = 0;
      return takeItems(follower, input.part);
    case "change":
      follower.silentMs = 0;
      return takeChange(follower, input.change);
    case "lost":
      return followNext(follower);
    case "elapsed":
      return takeTime(follower, input.ms);
  }
}

/** There are so many replicas now, and the one that is followed has this number, if it is still one of them. */
export function changeReplicas(
  follower: FeedFollower,
  replicas: number,
  followed: number | undefined,
): FeedDecision {
  follower.replicas = replicas;
  follower.replica = followed ?? 0;
  return followed === undefined ? followNext(follower) : none;
}

/** A part of a whole state. A replica that took over a copy of another's state begins anew of itself. */
function takeItems(follower: FeedFollower, part: FeedItems): FeedDecision {
  let { told } = follower;
  if (told === undefined || told.whole) {
    told = { index: part.index, position: part.position, items: emptyTable<CatalogItem>(), whole: false };
    follower.told = told;
  } else if (told.index !== part.index || told.position !== part.position) {
    return followNext(follower);
  }
  putRows(told.items, part.rows);
  if (!part.last) return none;
  told.whole = true;
  return takeOver(follower, told);
}

function takeChange(follower: FeedFollower, change: Change): FeedDecision {
  const { told } = follower;
  const next = told?.whole === true && change.index === told.index + 1 && change.position >= told.position;
  if (!next) return followNext(follower);
  putRows(told.items, change.rows);
  told.index = change.index;
  told.position = change.position;
  follower.failedFeeds = 0;
  if (told !== follower.served) return takeOver(follower, told);
  follower.quietFeeds = 0;
  return { kind: "advanced", served: told, takenOver: false };
}

/** Serve what this feed has told, if it is not less than what is served. */
function takeOver(follower: FeedFollower, told: FeedState): FeedDecision {
  const { served } = follower;
  if (served !== undefined && told.position < served.position) return none;
  if (served === undefined || told.position > served.position) follower.quietFeeds = 0;
  follower.served = told;
  return { kind: "advanced", served: told, takenOver: true };
}

function takeTime(follower: FeedFollower, ms: number): FeedDecision {
  follower.silentMs += ms;
  const complete = follower.told !== undefined && follower.told === follower.served;
  const doublings = complete ? Math.min(follower.quietFeeds, patienceDoublingsMax) : 0;
  if (follower.silentMs <= follower.silenceMs * 2 ** doublings) return none;
  // Without a leader no replica has news: then each would be left in turn, and asked for all of its items again.
  if (complete) follower.quietFeeds++;
  return followNext(follower);
}

function followNext(follower: FeedFollower): FeedDecision {
  follower.failedFeeds++;
  const rounds = Math.floor(follower.failedFeeds / follower.replicas);
  const afterMs = rounds === 0 ? 0 : Math.min(roundPauseMs * 2 ** (rounds - 1), roundPauseMsMax);
  follower.replica = (follower.replica + 1) % follower.replicas;
  follower.told = undefined;
  follower.silentMs = -afterMs;
  return { kind: "follow", afterMs };
}
