/** The API's description in OpenAPI 3.1, for `GET /openapi.json`, from the route table and the schemas. */
import { requestLimits } from "../base/limits.ts";
import type { Route } from "./routes.ts";
import type { Schema } from "./schemas.ts";
import * as schemas from "./schemas.ts";

interface CallDescription {
  readonly summary: string;
  readonly body?: Schema;
  readonly reply?: Schema;
  /** Query parameters and what they mean. */
  readonly query?: Readonly<Record<string, string>>;
  /** Statuses of errors besides 400. */
  readonly errors: readonly number[];
}

const freshness = {
  consistency: "`stale`: the last known value, with its Age, also without a majority.",
  atLeast: "Wait for a state at or beyond this position.",
};
const limit = { limit: `1 to ${requestLimits.pageMax}, default ${requestLimits.pageDefault}.` };
const placing = [404, 409, 413, 415, 422, 503, 504];

function descriptions(resource: string): Readonly<Record<string, CallDescription>> {
  const search = {
    topic: "Only items of this topic.",
    q: "Only items with this text in their name or title, in capital or small letters.",
  };
  return {
    [`GET /${resource}`]: {
      summary: "List items, ascending by id.",
      query: { ...search, ...limit, after: "The `next` of the page before.", ...freshness },
      reply: schemas.page(schemas.itemReply),
      errors: [503],
    },
    [`POST /${resource}`]: {
      summary: "Add an item.",
      body: schemas.itemBody,
      reply: schemas.data(schemas.itemReply),
      errors: [401, 403, ...placing],
    },
    [`GET /${resource}/:name`]: {
      summary: "Look an item up by its name, or by its id if it is all digits.",
      query: freshness,
      reply: schemas.data(schemas.itemReply),
      errors: [404, 503],
    },
    "POST /orders": {
      summary: "Place an order: all of its lines or none.",
      body: schemas.orderBody,
      reply: schemas.data(schemas.placedReply),
      errors: placing,
    },
    "POST /orders/batch": {
      summary: "Place many orders, each by itself; the reply has one slot for each, in order.",
      body: schemas.batchBody,
      reply: schemas.batchReply,
      errors: [413, 415, 422, 503, 504],
    },
    "GET /orders": {
      summary: "List orders, newest first.",
      query: {
        name: "Only orders with a line of this item.",
        customer: "Only this customer's.",
        reference: "Only under this reference.",
        after: "Only numbers above.",
        before: "Only numbers below; the `next` of the page before.",
        ...limit,
        ...freshness,
      },
      reply: schemas.page(schemas.orderReply),
      errors: [401, 403, 503],
    },
    "GET /orders/:number": {
      summary: "Look an order up by its number.",
      query: freshness,
      reply: schemas.data(schemas.orderReply),
      errors: [404, 503],
    },
    "GET /leader": {
      summary: "Which order replica leads.",
      reply: schemas.data(schemas.leaderReply),
      errors: [503],
    },
    "GET /cluster": { summary: "Every process and its state.", errors: [503] },
    "GET /livez": { summary: "Whether the process runs.", errors: [] },
    "GET /readyz": { summary: "Whether it can take orders now.", errors: [503] },
    "GET /metrics": { summary: "Counters in the Prometheus text format.", errors: [] },
    "GET /openapi.json": { summary: "This description.", errors: [] },
  };
}

const json = (schema: Schema) => ({ "application/json": { schema } });

function operation(route: Route, call: CallDescription): unknown {
  const parameters: unknown[] = Object.entries(call.query ?? {}).map(([name, description]) => {
    return { name, in: "query", description, schema: { type: "string" } };
  });
  const parameter = /:(\w+)$/.exec(route.path)?.[1];
  if (parameter !== undefined)
    parameters.push({ name: parameter, in: "path", required: true, schema: { type: "string" } });
  if (call.body !== undefined)
    parameters.push({
      name: "Idempotency-Key",
      in: "header",
      description: "Makes a retry safe; the reply carries it, or one that was made for a request without.",
      schema: { type: "string", minLength: 1, maxLength: requestLimits.keyCharacters },
    });
  const errors = [400, ...call.errors].map((status) => [
    status,
    { description: "An error.", content: json(schemas.errorReply) },
  ]);
  return {
    summary: call.summary,
    parameters,
    ...(call.body && { requestBody: { required: true, content: json(call.body) } }),
    ...(route.guarded && { security: [{ token: [] }] }),
    responses: {
      200: { description: "Done.", ...(call.reply && { content: json(call.reply) }) },
      ...Object.fromEntries(errors),
    },
  };
}

/** Every route has a description: a route without one throws when the server starts. */
export function describeRoutes(routes: readonly Route[], resource: string): unknown {
  const calls = descriptions(resource);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const call = calls[`${route.method} ${route.path}`];
    if (call === undefined) throw new Error(`no description of ${route.method} ${route.path}`);
    const path = route.path.replace(/:(\w+)/, "{$1}");
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route, call);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Bazaar", version: "1" },
    servers: [{ url: "/" }, { url: "/api" }],
    paths,
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  };
}
