/**
 * Reads a request's body as JSON: the right type, at most the bound, well-formed UTF-8. `JSON.parse` makes a plain
 * own property even of `__proto__`, which the validators then refuse as an unknown field.
 */
import { isUtf8 } from "node:buffer";
import { requestLimits } from "../base/limits.ts";
import { type Exchange, header, respondProblem } from "./exchange.ts";
import { httpLimits } from "./limits.ts";
import { nestsDeeper } from "./nesting.ts";
import { malformed, type Problem, problem, shown } from "./problem.ts";

const jsonType = /^application\/json[ \t]*(;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?$/i;

const tooLarge = problem(
  "too-large",
  `The body is larger than ${requestLimits.bodyBytes} bytes; split the request into smaller ones.`,
);

const tooDeep = malformed(
  `The body nests deeper than ${httpLimits.nesting} lists and objects in each other.`,
);

function typeProblem(exchange: Exchange): Problem | undefined {
  const type = header(exchange.request, "content-type");
  if (type !== "application/json" && (type === undefined || !jsonType.test(type)))
    return problem(
      "unsupported-media-type",
      `The body must be sent with Content-Type: application/json; got ${shown(type)}.`,
    );
  const encoding = header(exchange.request, "content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    return problem(
      "unsupported-media-type",
      `The body must be sent without Content-Encoding; got ${shown(encoding)}.`,
    );
  return undefined;
}

/** `read` is called with the parsed body; if there is none, the client is told why and `read` is not called. */
export function readJson(exchange: Exchange, read: (body: unknown) => void): void {
  const { request } = exchange;
  const wrongType = typeProblem(exchange);
  const chunks: Buffer[] = [];
  let length = 0;
  let refused = false;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (wrongType === undefined && length <= requestLimits.bodyBytes) {
      chunks.push(chunk);
      return;
    }
    chunks.length = 0;
    // A refusal is heard only by a client that is done writing, so the rest is read and dropped, up to a bound.
    if (length <= httpLimits.drainBytes || refused) return;
    refused = true;
    respondProblem(exchange, wrongType ?? tooLarge, ["connection", "close"]);
  });
  request.on("end", () => {
    if (refused) return;
    if (wrongType !== undefined) respondProblem(exchange, wrongType);
    else if (length > requestLimits.bodyBytes) respondProblem(exchange, tooLarge);
    else parse(exchange, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), read);
  });
}

function parse(exchange: Exchange, bytes: Buffer, read: (body: unknown) => void): void {
  if (bytes.length > httpLimits.nestingUncheckedBytes && nestsDeeper(bytes, httpLimits.nesting)) {
    respondProblem(exchange, tooDeep);
    return;
  }
  let body: unknown;
  try {
    if (!isUtf8(bytes)) throw new SyntaxError("it is not UTF-8");
    body = JSON.parse(bytes.toString());
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 120).toWellFormed() : "it cannot be read";
    respondProblem(exchange, malformed(`The body must be JSON: ${why}.`));
    return;
  }
  read(body);
}
