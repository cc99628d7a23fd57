/** The reader's thread: answers from committed rows, beside the writer and never in its way. */
import { parentPort, workerData } from "node:worker_threads";
import { present, unreachable } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { fileFailure, openForReading } from "./database.ts";
import type { ReadMessage, ReadReport, ReadRequest, ReadResults } from "./messages.ts";
import { prepareQueries, type Queries } from "./queries.ts";

const port = present(parentPort, "the thread that started the reader");
const report = (message: ReadReport): void => port.postMessage(message);
const file = workerData as string;

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
      report({ kind: "result", id: message.id, result: answer(queries, message.request) });
    } catch (error) {
      fail(error);
    }
  });
} catch (error) {
  fail(error);
}

function answer(queries: Queries, request: ReadRequest): ReadResults[ReadRequest["kind"]] {
  switch (request.kind) {
    case "load":
      return queries.load();
    case "order":
      return queries.order(request.number);
    case "orders":
      return queries.orders(request.filter);
    case "answers":
      return queries.answers(request.keys);
    case "digest":
      return queries.digest();
    default:
      return unreachable(request);
  }
}

function fail(cause: unknown): void {
  const error = fileFailure(file, cause);
  if (!(error instanceof OperatingFailure)) throw error;
  report({ kind: "failed", code: error.code, message: error.message });
  port.close();
}
