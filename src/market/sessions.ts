/**
 * Front-ends' sessions: opened, acknowledged, closed when idle. A session's answers are in memory, so everything about
 * it has a bound, and at a bound the oldest goes: whoever comes back for what is gone is told `too-old`, never given a
 * second order.
 */
import { answerLifetimeTicks } from "../base/limits.ts";
import { sessionId } from "../base/units.ts";
import { allAnswers, noAnswers } from "./answers.ts";
import type { AcknowledgeCommand } from "./command.ts";
import type { Entry } from "./entry.ts";
import { closeSession, forgetInSession, sessionChanged } from "./entry.ts";
import type { Session } from "./market.ts";
import type { Reply } from "./reply.ts";

/** At the bound the session that was idle for longest is closed, of several the oldest. */
export const sessionsMax = 10_000;

/** At the bound a session's lower quarter of answers is forgotten, as if it had been acknowledged. */
const sessionAnswersMax = 1_000_000;

/** Idle sessions are looked for once in this many ticks. */
const idleCheckTicks = 3_600;

export function openSession(entry: Entry): Reply {
  const { market } = entry;
  if (market.sessions.size >= sessionsMax) closeIdlest(entry);
  const id = sessionId(market.position);
  const session: Session = {
    id,
    below: 0,
    open: [],
    tick: market.ticks,
    answers: noAnswers(),
    listed: false,
  };
  market.sessions.set(id, session);
  sessionChanged(entry, session);
  return { kind: "session-opened", position: market.position, session: id };
}

function closeIdlest(entry: Entry): void {
  let idlest: Session | undefined;
  // Ids ascend, so of equally idle sessions the first is kept.
  for (const session of entry.market.sessions.values()) {
    if (idlest === undefined || session.tick < idlest.tick) idlest = session;
  }
  if (idlest !== undefined) closeSession(entry, idlest);
}

export function closeIdleSessions(entry: Entry): void {
  const { market } = entry;
  if (market.ticks % idleCheckTicks !== 0) return;
  for (const session of [...market.sessions.values()]) {
    if (market.ticks - session.tick > answerLifetimeTicks) closeSession(entry, session);
  }
}

/** The session has been used: it is not idle. */
export function useSession(entry: Entry, session: Session): void {
  if (session.tick === entry.market.ticks) return;
  session.tick = entry.market.ticks;
  sessionChanged(entry, session);
}

export function acknowledge(entry: Entry, command: AcknowledgeCommand): Reply {
  const { market } = entry;
  const session = market.sessions.get(command.session);
  if (session !== undefined) {
    useSession(entry, session);
    if (command.below >= session.below) raiseBelow(entry, session, command.below, command.open);
  }
  return { kind: "done", position: market.position };
}

/** Keep the session's number of answers within its bound. */
export function boundAnswers(entry: Entry, session: Session): void {
  if (session.answers.size <= sessionAnswersMax) return;
  const held = allAnswers(session.answers);
  const below = held[Math.floor(held.length / 4)]?.sequence ?? session.below;
  if (below > session.below) raiseBelow(entry, session, below, session.open);
}

/**
 * Forget every answer below `below` but those of `open`. What was over stays over: a sequence that an earlier call
 * closed is not opened again by an acknowledgement that was delayed, or its request could be applied twice.
 */
function raiseBelow(entry: Entry, session: Session, below: number, open: readonly number[]): void {
  const wasOpen = new Set(session.open);
  const stillOpen = open.filter((sequence) => sequence >= session.below || wasOpen.has(sequence));
  const kept = new Set(stillOpen);
  if (below - session.below <= session.answers.size) {
    for (const sequence of session.open) if (!kept.has(sequence)) forgetInSession(entry, session, sequence);
    for (let sequence = session.below; sequence < below; sequence++) {
      if (!kept.has(sequence)) forgetInSession(entry, session, sequence);
    }
  } else {
    // A leap beyond what there is: look at what there is.
    for (const { sequence } of allAnswers(session.answers)) {
      if (sequence < below && !kept.has(sequence)) forgetInSession(entry, session, sequence);
    }
  }
  session.below = below;
  session.open = stillOpen;
  sessionChanged(entry, session);
}
