/**
 * `log show NAME`: the entries of one replica's log, each command with what became of it. Outcomes are not in the
 * log; they follow from it, so the log is replayed from its beginning through a market of our own. Of a log whose
 * beginning was dropped, because the database holds what it did, only the commands are shown.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { formatHash, type Hash128 } from "../../base/hash128.ts";
import { type ReplicaId, replicaId } from "../../base/units.ts";
import { readLog } from "../../log/embedded/wal/log-reader.ts";
import { apply } from "../../market/apply.ts";
import { decodeBatch } from "../../market/codec.ts";
import type { Batch } from "../../market/command.ts";
import { emptyMarket, type Market } from "../../market/market.ts";
import type { Reply } from "../../market/reply.ts";
import type { Answer } from "../../market/rows.ts";
import { decodeMembership, type Membership } from "../../raft/membership.ts";
import { parseClusterFile, replicasOf } from "../../supervisor/cluster-file.ts";
import { NotRunning } from "../../supervisor/control-client.ts";
import { orderName } from "../../supervisor/data-directory.ts";
import { askStatus } from "../ask.ts";
import { tellCommand, tellReply } from "../command-words.ts";
import { CommandFailure, type ExitCode, exitCodes, usageFailure } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

/** Replays entries, remembering the answers to clients' keys as the store would. */
class Replay {
  readonly #market: Market = emptyMarket();
  readonly #answers = new Map<string, Answer>();

  /** Only over every entry from the first on. */
  apply(batch: Batch): readonly Reply[] {
    const { replies, rows } = apply(this.#market, batch, (key) => this.#answers.get(formatHash(key)));
    for (const answer of rows.answers) {
      if (answer.id.kind === "key") this.#answers.set(formatHash(answer.id.key), answer);
    }
    return replies;
  }
}

interface Shown {
  readonly index: number;
  readonly term: number;
  /** Who the members of the group are from here on, if the entry says so. */
  readonly members: Membership | undefined;
  /** `null`: an entry of the log's own, made by a leader at its election, or about members. */
  readonly batch: Batch | null;
  /** `undefined`: they are not known, because the entry is not known to be committed here. */
  readonly replies: readonly Reply[] | undefined;
}

function entryText({ index, term, members, batch, replies }: Shown): string {
  const head = `${index}  term ${term}`;
  if (members !== undefined) {
    const names = members.map(({ id, role }) => `${orderName(id)}${role === "learner" ? " (learner)" : ""}`);
    return `${head}  (the members are ${names.join(", ")})\n`;
  }
  if (batch === null) return `${head}  (a new leader's own entry)\n`;
  const lines = batch.commands.map((command, i) => {
    const reply = replies?.[i];
    const outcome = reply === undefined ? "" : `  →  ${tellReply(reply)}`;
    return `    ${reply === undefined ? "" : `${reply.position}  `}${tellCommand(command)}${outcome}\n`;
  });
  const state = replies === undefined ? "  (outcome not known here)" : "";
  return `${head}  ${new Date(batch.at).toISOString()}${state}\n${lines.join("")}`;
}

function entryJson({ index, term, members, batch, replies }: Shown): string {
  const commands = batch?.commands.map((command, i) => ({ command, outcome: replies?.[i] ?? null })) ?? [];
  const readable = (name: string, value: unknown): unknown =>
    (name === "key" || name === "body") && Array.isArray(value)
      ? formatHash(value as unknown as Hash128)
      : value;
  return `${JSON.stringify({ index, term, at: batch?.at ?? null, ...(members && { members }), commands }, readable)}\n`;
}

interface Named {
  readonly cluster: string;
  readonly replica: ReplicaId;
}

function findReplica(directory: string, name: string): Named {
  let text: string;
  try {
    text = readFileSync(join(directory, "cluster.json"), "utf8");
  } catch {
    throw new NotRunning(`There is no bazaar in ${directory}.`);
  }
  const parsed = parseClusterFile(text);
  if (parsed.kind === "invalid") {
    throw new CommandFailure(exitCodes.failure, `${directory}/cluster.json cannot be used; \`up\` says why.`);
  }
  const { cluster, engine } = parsed.file;
  if (engine === "course")
    throw usageFailure(`The published protocol's log is text: see ${join(directory, name, "orders.log")}.`);
  const replicas = replicasOf(parsed.file);
  const names = replicas.map(({ id }) => orderName(id));
  const replica = replicas[names.indexOf(name)];
  if (replica === undefined) throw usageFailure(`${name} has no log; there are ${names.join(", ")}.`);
  return { cluster, replica: replicaId(replica.id) };
}

/** How far the replica knows its log to be committed; `undefined` if it cannot be asked. */
async function committedOf(data: string, name: string): Promise<number | undefined> {
  try {
    const row = (await askStatus(data)).processes.find((process) => process.name === name);
    return row?.up === true ? row.commitIndex : undefined;
  } catch (error) {
    if (error instanceof NotRunning) return undefined;
    throw error;
  }
}

export async function logShow(flags: FlagsOf<"log">, operands: readonly string[]): Promise<ExitCode> {
  const [action, name = ""] = operands;
  if (action !== "show") throw usageFailure("log knows only `log show NAME`.");
  const directory = resolve(flags.data);
  const identity = findReplica(directory, name);
  const committed = await committedOf(flags.data, name);
  if (committed === undefined) {
    process.stderr.write(`${name} cannot be asked: the last entries may never have been committed.\n`);
  }
  let replay: Replay | undefined = new Replay();
  let first = 0;
  let shown = 0;
  let last = 0;
  await readLog(join(directory, name, "log"), identity, ({ index, term, kind, payload }) => {
    const members = kind === "membership" ? decodeMembership(payload) : undefined;
    const batch = payload.length === 0 || members !== undefined ? null : decodeBatch(payload);
    last = index;
    if (first === 0) first = index;
    if (first > 1) replay = undefined;
    const known = committed === undefined || index <= committed;
    const replies = known && batch !== null ? replay?.apply(batch) : undefined;
    if (index >= flags.from) {
      const entry = { index, term, members, batch, replies };
      process.stdout.write(flags.json ? entryJson(entry) : entryText(entry));
      shown++;
    }
    return shown < flags.limit;
  });
  if (first > 1) {
    process.stderr.write(
      `The log of ${name} begins at entry ${first}: what came before is in its database only, so outcomes are not told.\n`,
    );
  }
  if (shown === 0) {
    process.stderr.write(
      `${name} has no entry from ${flags.from} on; its last is ${last}. (An entry holds several positions.)\n`,
    );
  }
  if (shown === flags.limit) {
    process.stderr.write(`${shown} entries shown; go on with --from ${last + 1}, or raise --limit.\n`);
  }
  return exitCodes.ok;
}
