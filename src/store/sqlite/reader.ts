/** The reader's thread: answers from committed rows, beside the writer and never in its way. */
import { parentPort, workerData } from "node:worker_threads";
import { present, unreachable } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { StoreDamage } from "./damage.ts";
import { openForReading } from "./database.ts";
import { fileFailure } from "./file-failure.ts";
import {
  failedReport,
  type ReadMessage,
  type ReadReport,
  type ReadRequest,
  type ReadResults,
} from "./messages.ts";
import { prepareQueries, type Queries } from "./queries.ts";
import type { ThreadData } from "./thread.ts";

const port = present(parentPort, "the thread that started the reader");
const { data: file } = workerData as ThreadData<string>;

try {
  const database = openForReading(file);
  const queries = prepareQueries(database);
  port.on("message", (message: ReadMessage | "close") => {
    if (message === "close") {
      database.close();
      port.close();
      return;
    }
    try {
      const result = answer(queries, message.request);
      const page = result instanceof Uint8Array ? [result.buffer as ArrayBuffer] : [];
      port.postMessage({ kind: "result", id: message.id, result } satisfies ReadReport, page);
    } catch (error) {
      fail(fileFailure(file, error, false));
    }
  });
} catch (error) {
  fail(fileFailure(file, error, true));
}

function answer(queries: Queries, request: ReadRequest): ReadResults[ReadRequest["kind"]] {
  switch (request.kind) {
    case "load":
      return queries.load();
    case "verify":
      queries.load();
      return undefined;
    case "order":
      return queries.order(request.number);
    case "orders":
      return queries.orders(request.filter);
    case "answers":
      return queries.answers(request.keys);
    case "digest":
      return queries.digest();
    case "freeze":
      return queries.freeze();
    case "frozen-orders":
      return queries.frozenOrders(request.from, request.maxBytes);
    case "frozen-answers":
      return queries.frozenAnswers(request.after, request.maxBytes);
    default:
      return unreachable(request);
  }
}

/** Here rows are only read: what is neither SQLite's error nor a refusal is a row that cannot be one. */
function fail(cause: unknown): void {
  const failure =
    cause instanceof OperatingFailure
      ? cause
      : new StoreDamage(`${file} is damaged: its rows cannot be read (${String(cause)})`, cause);
  port.postMessage(failedReport(failure) satisfies ReadReport);
  port.close();
}
