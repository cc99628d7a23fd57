/**
 * The writer's thread: the only one that writes the file. What it is given is carried out in order, a transaction each.
 *
 * A transaction for which the disk has no space is no failure: the log has all that is in it. It is tried again every
 * `retryMs` until there is space, and what came meanwhile waits behind it.
 */
import { parentPort, workerData } from "node:worker_threads";
import type Database from "better-sqlite3";
import { present } from "../../base/assert.ts";
import { DecodeError } from "../../base/bytes.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { logIndex } from "../../base/units.ts";
import { openForWriting } from "./database.ts";
import { fileFailure, isFull } from "./file-failure.ts";
import { failedReport, type WriterMessage, type WriterOptions, type WriterReport } from "./messages.ts";
import { readMark } from "./tables.ts";
import type { ThreadData } from "./thread.ts";
import { CopyMismatch, copyWriter } from "./write-copy.ts";
import { groupWriter } from "./write-group.ts";

const port = present(parentPort, "the thread that started the writer");
const report = (message: WriterReport): void => port.postMessage(message);
const { data: options } = workerData as ThreadData<WriterOptions>;

interface Writers {
  readonly database: Database.Database;
  readonly group: ReturnType<typeof groupWriter>;
  readonly copy: ReturnType<typeof copyWriter>;
}

type Job = Exclude<WriterMessage, { kind: "close" }>;

/** At most a group, or the steps of a copy that its owner has not awaited. */
const jobs: Job[] = [];
let writers: Writers | undefined;
let retry: NodeJS.Timeout | undefined;

port.on("message", (message: WriterMessage) => {
  if (message.kind === "close") {
    if (retry !== undefined) work();
    close();
    return;
  }
  jobs.push(message);
  if (retry === undefined) work();
});
open();

function open(): void {
  retry = undefined;
  try {
    const database = openForWriting(options);
    writers = prepare(database);
    const index = logIndex(Number(database.prepare("SELECT log_index FROM state").pluck().get() ?? 0));
    report({ kind: "opened", index, copying: readMark(database) !== undefined });
  } catch (error) {
    if (!isFull(options.file, error)) {
      fail(fileFailure(options.file, error, true));
      return;
    }
    report({ kind: "full" });
    retry = setTimeout(open, options.retryMs);
  }
}

function prepare(database: Database.Database): Writers {
  return { database, group: groupWriter(database), copy: copyWriter(database) };
}

/** Carry out what waits, until there is nothing more or no space. */
function work(): void {
  clearTimeout(retry);
  retry = undefined;
  while (jobs[0] !== undefined) {
    try {
      report(carryOut(present(writers, "an open file"), jobs[0]));
      jobs.shift();
    } catch (error) {
      if (!isFull(options.file, error)) {
        fail(fileFailure(options.file, error, false));
        return;
      }
      report({ kind: "full" });
      makeRoom();
      retry = setTimeout(work, options.retryMs);
      return;
    }
  }
}

function carryOut({ database, group, copy }: Writers, job: Job): WriterReport {
  if (options.pagesMax !== undefined) {
    database.pragma(`max_page_count = ${Atomics.load(options.pagesMax, 0) || 0xffff_fffe}`);
  }
  try {
    if (job.kind === "group") {
      group(job);
      return { kind: "written" };
    }
    copy.step(job);
    return { kind: "copied", progress: copy.progress() };
  } catch (error) {
    // Rows of the transaction that failed may wait in the statements that were prepared for it.
    const anew = prepare(database);
    writers = anew;
    if (job.kind === "group" || !(error instanceof DecodeError || error instanceof CopyMismatch)) throw error;
    return { kind: "refused", message: error.message, progress: anew.copy.progress() };
  }
}

/**
 * What the write-ahead log holds may fit into pages that the database has; then the write-ahead log begins anew, in
 * space that it has.
 */
function makeRoom(): void {
  try {
    writers?.database.pragma("wal_checkpoint(PASSIVE)");
  } catch {
    // It needed space as well. Whatever else is wrong shows in the next transaction.
  }
}

function close(): void {
  clearTimeout(retry);
  // Leaves one complete file behind, without a write-ahead log beside it, if there is space.
  writers?.database.close();
  port.close();
}

function fail(error: unknown): void {
  // What is no operating failure is a broken invariant: it leaves the thread as an error and stops the replica.
  if (!(error instanceof OperatingFailure)) throw error;
  report(failedReport(error));
  port.close();
}
