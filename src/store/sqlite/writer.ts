/** The writer's thread: the only one that writes the file. One transaction per group, in the order they come. */
import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { logIndex } from "../../base/units.ts";
import { type DatabaseOptions, fileFailure, openForWriting } from "./database.ts";
import type { WriterMessage, WriterReport } from "./messages.ts";
import { groupWriter } from "./write-group.ts";

const port = present(parentPort, "the thread that started the writer");
const report = (message: WriterReport): void => port.postMessage(message);

const options = workerData as DatabaseOptions;

try {
  const database = openForWriting(options);
  const write = groupWriter(database);
  const stored = database.prepare("SELECT log_index FROM state").pluck().get();
  report({ kind: "opened", index: logIndex(Number(stored ?? 0)) });

  port.on("message", (message: WriterMessage) => {
    try {
      if (message.kind === "close") {
        // Leaves one complete file behind, without a write-ahead log beside it.
        database.close();
        port.close();
        return;
      }
      write(message);
      report({ kind: "written" });
    } catch (error) {
      fail(error);
    }
  });
} catch (error) {
  fail(error);
}

function fail(cause: unknown): void {
  const error = fileFailure(options.file, cause);
  // What is no operating failure is a broken invariant: it leaves the thread as an error and stops the replica.
  if (!(error instanceof OperatingFailure)) throw error;
  report({ kind: "failed", code: error.code, message: error.message });
  port.close();
}
