/** `POST /orders`, `POST /orders/batch` and `POST /<resource>`: everything that goes through the outbox. */
import type { PlaceCommand } from "../market/command.ts";
import {
  changeHeaders,
  concludeOutcome,
  countEnding,
  type Desk,
  type Ending,
  encode,
  type Identity,
  identify,
  reject,
  settleSequences,
} from "./desk.ts";
import { type Exchange, respond, respondProblem, serverTiming } from "./exchange.ts";
import { readItemRequest } from "./item-body.ts";
import { readJson } from "./json-body.ts";
import { type OrderRequest, readBatchRequest, readOrderRequest } from "./order-body.ts";
import { type Problem, renderProblem } from "./problem.ts";

function command(order: OrderRequest, identity: Identity, index: number): PlaceCommand {
  return { kind: "place", id: identity.id(index), ...order };
}

export function placeOrder(desk: Desk, exchange: Exchange): void {
  readJson(exchange, (body) => {
    const order = readOrderRequest(body);
    if ("status" in order) return reject(desk, exchange, order);
    return submitOne(desk, exchange, (identity) => command(order, identity, 0));
  });
}

export function addItem(desk: Desk, exchange: Exchange): void {
  readJson(exchange, (body) => {
    const item = readItemRequest(body);
    if ("status" in item) return reject(desk, exchange, item);
    return submitOne(desk, exchange, (identity) => ({ kind: "add-item", id: identity.id(0), item }));
  });
}

function submitOne(
  desk: Desk,
  exchange: Exchange,
  commandFor: (identity: Identity) => Parameters<typeof encode>[0],
): void {
  const nowMs = desk.now();
  const identity = identify(desk, exchange, nowMs, "single");
  if ("status" in identity) return reject(desk, exchange, identity);
  desk.replicas.submit(nowMs, encode(commandFor(identity)), (settlement, settledMs) => {
    const { sentMs } = settlement.pending;
    const behindMs = sentMs < 0 ? 0 : settledMs - sentMs;
    concludeOutcome(desk, settlement, identity, (ending) =>
      answerOne(desk, exchange, identity, ending, behindMs),
    );
  });
}

function answerOne(
  desk: Desk,
  exchange: Exchange,
  identity: Identity,
  ending: Ending,
  behindMs: number,
): void {
  countEnding(desk.metrics, ending);
  const status = ending.kind === "problem" ? ending.problem.status : 200;
  settleSequences(identity, status, [ending]);
  const position = ending.kind === "order" ? ending.order.position : ending.position;
  const headers = changeHeaders(identity, status, position, ending.replayed);
  headers.push("server-timing", serverTiming(desk.now(), exchange.startedMs, { orderMs: behindMs }));
  if (ending.kind === "problem") respondProblem(exchange, ending.problem, headers);
  else respond(exchange, 200, renderSlot(desk, ending), headers);
}

/** What one change came to, as a whole reply or as a batch's slot. */
function renderSlot(desk: Desk, ending: Ending): string {
  switch (ending.kind) {
    case "order":
      return `{"data":${desk.renderer.placed(ending.order)}}`;
    case "item":
      return `{"data":${desk.renderer.item(ending.item)}}`;
    case "problem":
      return renderProblem(ending.problem);
  }
}

export function placeBatch(desk: Desk, exchange: Exchange): void {
  readJson(exchange, (body) => {
    const orders = readBatchRequest(body);
    if ("status" in orders) return reject(desk, exchange, orders);
    const nowMs = desk.now();
    const identity = identify(desk, exchange, nowMs, orders.length);
    if ("status" in identity) return reject(desk, exchange, identity);
    const endings: Ending[] = new Array(orders.length);
    let missing = orders.length;
    let behindMs = 0;
    for (const [index, order] of orders.entries()) {
      desk.replicas.submit(nowMs, encode(command(order, identity, index)), (settlement, settledMs) => {
        const { sentMs } = settlement.pending;
        if (sentMs >= 0) behindMs = Math.max(behindMs, settledMs - sentMs);
        concludeOutcome(desk, settlement, identity, (ending) => {
          endings[index] = ending;
          if (--missing === 0) answerBatch(desk, exchange, identity, endings, behindMs);
        });
      });
    }
  });
}

/** The status that all orders of a batch failed with, if it is one and the same failure of the service. */
function commonFailure(endings: readonly Ending[]): Problem | undefined {
  const first = endings[0];
  if (first?.kind !== "problem" || first.problem.status < 500) return undefined;
  const { problem } = first;
  return endings.every((ending) => ending.kind === "problem" && ending.problem === problem)
    ? problem
    : undefined;
}

function answerBatch(
  desk: Desk,
  exchange: Exchange,
  identity: Identity,
  endings: readonly Ending[],
  behindMs: number,
): void {
  const failure = commonFailure(endings);
  const status = failure?.status ?? 200;
  const slots: string[] = [];
  let position = 0;
  let replayed = true;
  settleSequences(identity, status, endings);
  for (const ending of endings) {
    countEnding(desk.metrics, ending);
    replayed &&= ending.replayed;
    position = Math.max(position, (ending.kind === "order" ? ending.order.position : ending.position) ?? 0);
    if (failure === undefined) slots.push(renderSlot(desk, ending));
  }
  const headers = changeHeaders(identity, status, undefined, replayed);
  if (position > 0) headers.push("bazaar-position", String(position));
  headers.push("server-timing", serverTiming(desk.now(), exchange.startedMs, { orderMs: behindMs }));
  if (failure !== undefined) respondProblem(exchange, failure, headers);
  else respond(exchange, 200, `{"data":[${slots.join(",")}]}`, headers);
}
