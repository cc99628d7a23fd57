/**
 * A group: the net effect of consecutive entries that will be written in one transaction, and the bounded tail of
 * memory that answers reads until it is. A row that came and went inside a group, such as a session's answer that was
 * acknowledged meanwhile, is never written; an item or session is written once, as it was last.
 *
 * Orders and client keys' answers are encoded as they come, so that handing a group over takes no long turn. Orders
 * are kept as those bytes only: objects that live for some tens of milliseconds, many thousands of them, are what
 * makes a heap grow and its collector work, and few are read again so soon.
 */
import { present } from "../../base/assert.ts";
import { ByteReader, ByteWriter } from "../../base/bytes.ts";
import { equalHash, type Hash128 } from "../../base/hash128.ts";
import type { ItemId, LogIndex, OrderNumber, SessionId, Term } from "../../base/units.ts";
import { readOrder, writeAnswer, writeOrder } from "../../market/codec.ts";
import type { MarketDefinition } from "../../market/definition.ts";
import type { Answer, Counters, ItemRow, OrderRow, Rows, SessionRow } from "../../market/rows.ts";
import type { GroupMessage } from "./messages.ts";

export interface Group {
  /** The last entry in it; undefined while it is empty. */
  last: LogIndex | undefined;
  /** Of the last entry. */
  term: Term | undefined;
  counters: Counters | undefined;
  definition: MarketDefinition | undefined;
  /** Rows to write, about; order lines count, for they cost memory and time as well. */
  weight: number;
  /** The first order's number; the others follow without a gap. */
  firstOrder: OrderNumber | undefined;
  /** Where each order begins in the bytes. */
  readonly orderOffsets: number[];
  readonly orderBytes: ByteWriter;
  /** What `orderBytes` held, once the group is sealed. */
  sealedOrders: Uint8Array | undefined;
  /** By the first word of the key: among some ten thousand keys two that share it are rare. */
  readonly answers: Map<number, Answer[] | Answer>;
  answerCount: number;
  readonly answerBytes: ByteWriter;
  readonly items: Map<ItemId, ItemRow>;
  readonly sessionAnswers: Map<SessionId, Map<number, Answer>>;
  /** Session and sequence in turn, of answers that an earlier group brought. */
  readonly forgotten: number[];
  readonly sessions: Map<SessionId, SessionRow>;
  readonly closedSessions: SessionId[];
}

export function emptyGroup(): Group {
  return {
    last: undefined,
    term: undefined,
    counters: undefined,
    definition: undefined,
    weight: 0,
    firstOrder: undefined,
    orderOffsets: [],
    orderBytes: new ByteWriter(4_096),
    sealedOrders: undefined,
    answers: new Map(),
    answerCount: 0,
    answerBytes: new ByteWriter(1_024),
    items: new Map(),
    sessionAnswers: new Map(),
    forgotten: [],
    sessions: new Map(),
    closedSessions: [],
  };
}

/** Fold the entry at `index` into the group. */
export function addEntry(group: Group, index: LogIndex, term: Term, rows: Rows): void {
  group.last = index;
  group.term = term;
  group.counters = rows.counters;
  if (rows.definition !== undefined) group.definition = rows.definition;
  for (const item of rows.items) group.items.set(item.id, item);
  for (const order of rows.orders) {
    group.firstOrder ??= order.number;
    group.orderOffsets.push(group.orderBytes.length);
    writeOrder(group.orderBytes, order);
    group.weight += 1 + order.lines.length;
  }
  for (const session of rows.sessions) group.sessions.set(session.session, session);
  for (const answer of rows.answers) addAnswer(group, answer);
  for (const { session, sequence } of rows.forgotten) {
    if (group.sessionAnswers.get(session)?.delete(sequence)) group.weight--;
    else group.forgotten.push(session, sequence);
  }
  for (const session of rows.closedSessions) {
    group.sessions.delete(session);
    group.sessionAnswers.delete(session);
    group.closedSessions.push(session);
  }
  // An entry of a tick alone weighs something too, so that the tail is bounded whatever comes.
  group.weight++;
}

function addAnswer(group: Group, answer: Answer): void {
  group.weight++;
  const { id } = answer;
  if (id.kind === "session") {
    let answers = group.sessionAnswers.get(id.session);
    if (answers === undefined) {
      answers = new Map();
      group.sessionAnswers.set(id.session, answers);
    }
    answers.set(id.sequence, answer);
    return;
  }
  group.answerCount++;
  writeAnswer(group.answerBytes, answer);
  const word = id.key[0] | 0;
  const others = group.answers.get(word);
  if (others === undefined) group.answers.set(word, answer);
  else if (Array.isArray(others)) others.push(answer);
  else group.answers.set(word, [others, answer]);
}

/** The newest answer of the key. */
export function findAnswer(group: Group, key: Hash128): Answer | undefined {
  const found = group.answers.get(key[0] | 0);
  if (found === undefined) return undefined;
  if (Array.isArray(found)) return found.findLast((answer) => hasKey(answer, key));
  return hasKey(found, key) ? found : undefined;
}

const hasKey = (answer: Answer, key: Hash128): boolean =>
  answer.id.kind === "key" && equalHash(answer.id.key, key);

export function findOrder(group: Group, number: OrderNumber): OrderRow | undefined {
  return group.firstOrder === undefined ? undefined : orderAt(group, number - group.firstOrder);
}

/** The `place`th order of the group, from 0. */
export function orderAt(group: Group, place: number): OrderRow | undefined {
  const offset = group.orderOffsets[place];
  if (offset === undefined) return undefined;
  return readOrder(new ByteReader(group.sealedOrders ?? group.orderBytes.peek(), offset));
}

/**
 * The group as a message to the writer, and the buffers to hand over with it. The group still answers reads, so the
 * orders' bytes are copied, but nothing may be added any more.
 */
export function sealGroup(group: Group): [message: GroupMessage, transfer: ArrayBuffer[]] {
  const sessionAnswerBytes = new ByteWriter(1_024);
  let sessionAnswerCount = 0;
  for (const answers of group.sessionAnswers.values()) {
    sessionAnswerCount += answers.size;
    for (const answer of answers.values()) writeAnswer(sessionAnswerBytes, answer);
  }
  group.sealedOrders = group.orderBytes.finish();
  const answerBytes = group.answerBytes.finish();
  const sessionBytes = sessionAnswerBytes.finish();
  const message: GroupMessage = {
    kind: "group",
    index: present(group.last, "the last entry of a group"),
    term: present(group.term, "the term of a group"),
    counters: present(group.counters, "the counters of a group"),
    definition: group.definition,
    orderCount: group.orderOffsets.length,
    orderBytes: group.sealedOrders,
    answerCount: group.answerCount,
    answerBytes,
    sessionAnswerCount,
    sessionAnswerBytes: sessionBytes,
    items: [...group.items.values()],
    forgotten: group.forgotten,
    sessions: [...group.sessions.values()],
    closedSessions: group.closedSessions,
  };
  return [message, [ownBuffer(answerBytes), ownBuffer(sessionBytes)]];
}

/** A finished writer's buffer is ours alone, so it can be handed over. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer as ArrayBuffer;
}
