/**
 * `member add` and `member remove`: an order replica comes or goes while orders flow. Who is a member is decided by the
 * replicas' log; this is what happens around it, in steps each of which is on record before the next.
 *
 * Add: the id is spent and on record (`forming`); its directory is made; on record (`joining`); its process runs, and everyone
 * is told where; the leader is asked, again and again, until its log says, committed, that the replica is a voter; on record
 * (`member`). A start that finds `forming` takes it back, for nothing has run there; one that finds `joining` goes on.
 *
 * Remove: on record (`leaving`); the leader is asked until its log says, committed, that the replica is no member; its process
 * is stopped; it is on record no more; everyone is told. A start that finds `leaving` goes on. Its directory is left to people.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { present } from "../base/assert.ts";
import type { ClusterStatus, MemberChange, ProcessConfig, ServiceAddress } from "../wire/process.ts";
import { type ClusterFile, nextReplicaOf, type ReplicaRecord, replicasOf } from "./cluster-file.ts";
import type { ControlReply } from "./control.ts";
import { type NewReplica, orderName, rewriteCluster } from "./data-directory.ts";
import type { ProcessPlan } from "./supervised-process.ts";
import type { Supervisor } from "./supervisor.ts";

const pollMs = 100;
/** How long a command waits; what it began goes on. */
const answerWithinMs = 60_000;
/** A change that would leave no majority is refused, if that was so for this long. */
const noMajorityMs = 2_000;
/** As many as a group may have with one to spare for being replaced. */
const replicasMax = 9;

export interface ReplicaChangesHost {
  readonly directory: string;
  readonly supervisor: Supervisor;
  readonly file: ClusterFile;
  readonly orders: readonly ServiceAddress[];
  readonly format: (directory: string, identity: NewReplica) => Promise<void>;
  readonly layOut: (id: number) => Promise<{ readonly address: ServiceAddress; readonly plan: ProcessPlan }>;
  readonly configOf: (orders: readonly ServiceAddress[], name: string) => ProcessConfig;
}

type Row = ClusterStatus["processes"][number];

/** What a start that was interrupted left half formed goes: no process has run there. */
export function takeBackForming(directory: string, file: ClusterFile): ClusterFile {
  const records = replicasOf(file);
  const forming = records.filter(({ standing }) => standing === "forming");
  if (forming.length === 0) return file;
  for (const { id } of forming) rmSync(join(directory, orderName(id)), { recursive: true, force: true });
  const kept = { ...file, replicas: records.filter((record) => !forming.includes(record)) };
  rewriteCluster(directory, kept);
  return kept;
}

export class ReplicaChanges {
  readonly #host: ReplicaChangesHost;
  #file: ClusterFile;
  #orders: readonly ServiceAddress[];
  #busy = false;
  #closed = false;

  constructor(host: ReplicaChangesHost) {
    this.#host = host;
    this.#file = host.file;
    this.#orders = host.orders;
  }

  /** Goes on with what an earlier supervisor began. */
  resume(): void {
    const pending = replicasOf(this.#file).filter(({ standing }) => standing !== "member");
    if (pending.length === 0) return;
    void this.#alone(async () => {
      for (const { id, standing } of pending) {
        if (standing === "joining") await this.#join(id);
        else await this.#leave(id);
      }
    });
  }

  close(): void {
    this.#closed = true;
  }

  async add(): Promise<ControlReply> {
    if (this.#busy) return refused("Another change of the members is under way; see `status`.");
    if (replicasOf(this.#file).length >= replicasMax)
      return refused(`There are ${replicasMax} order replicas, and no more than that are of use.`);
    return await this.#within(async () => {
      const id = await this.#form();
      await this.#join(id);
      return { kind: "done", message: `${orderName(id)} is a member and votes` };
    }, "The new replica is being brought up to date; it becomes a member when it has caught up. See `status`.");
  }

  async remove(name: string): Promise<ControlReply> {
    if (this.#busy) return refused("Another change of the members is under way; see `status`.");
    const record = replicasOf(this.#file).find(({ id }) => orderName(id) === name);
    if (record === undefined) {
      const names = replicasOf(this.#file).map(({ id }) => orderName(id));
      return refused(`${name} is no order replica; there are ${names.join(", ")}.`);
    }
    return await this.#within(async () => {
      this.#write(record.id, "leaving");
      const refusal = await this.#leave(record.id);
      if (refusal !== undefined) return refused(refusal);
      const kept = `Its directory ${join(this.#host.directory, name)} is not needed any more.`;
      return { kind: "done", message: `${name} is no member any more, and was stopped. ${kept}` };
    }, `${name} is to be removed as soon as the others can agree on it. See \`status\`.`);
  }

  /** The answer, or `later` if it takes long: then it goes on. */
  async #within(run: () => Promise<ControlReply>, later: string): Promise<ControlReply> {
    const timer = Promise.withResolvers<ControlReply>();
    const timeout = setTimeout(() => timer.resolve({ kind: "done", message: later }), answerWithinMs);
    try {
      return await Promise.race([this.#alone(run), timer.promise]);
    } finally {
      clearTimeout(timeout);
    }
  }

  async #alone<T>(run: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await run();
    } finally {
      this.#busy = false;
    }
  }

  /** A directory for a replica that there never was, and its process. */
  async #form(): Promise<number> {
    const { directory, supervisor, format, layOut, configOf } = this.#host;
    const id = nextReplicaOf(this.#file);
    const { address, plan } = await layOut(id);
    const replicas: readonly ReplicaRecord[] = [...replicasOf(this.#file), { id, standing: "forming" }];
    this.#rewrite({ ...this.#file, replicas, nextReplica: id + 1 });
    try {
      await format(join(directory, address.name), { cluster: this.#file.cluster, replica: id });
    } catch (error) {
      this.#file = takeBackForming(directory, this.#file);
      throw error;
    }
    this.#write(id, "joining");
    this.#orders = [...this.#orders, address];
    // Everyone must be able to answer it before it says anything.
    supervisor.replicasChanged(this.#orders);
    supervisor.add(plan, configOf(this.#orders, address.name));
    return id;
  }

  async #join(id: number): Promise<void> {
    const replica = present(
      this.#orders.find((order) => order.id === id),
      "the address of a replica",
    );
    await this.#drive({ kind: "add", replica }, ({ members = [] }) => {
      const role = members.find((member) => member.id === id)?.role;
      return role === "voter" ? "done" : role === "learner" ? "wait" : "ask";
    });
    if (!this.#closed) this.#write(id, "member");
  }

  /** Why it stays, in words; `undefined`: it is gone. */
  async #leave(id: number): Promise<string | undefined> {
    const refusal = await this.#drive({ kind: "remove", id }, ({ members = [] }) =>
      members.some((member) => member.id === id) ? "ask" : "done",
    );
    if (this.#closed) return "The system is being stopped; the removal goes on at the next start.";
    if (refusal !== undefined) {
      this.#write(id, "member");
      return refusal;
    }
    const { supervisor } = this.#host;
    await supervisor.remove(orderName(id));
    this.#rewrite({
      ...this.#file,
      replicas: replicasOf(this.#file).filter((record) => record.id !== id),
      nextReplica: nextReplicaOf(this.#file),
    });
    this.#orders = this.#orders.filter((order) => order.id !== id);
    supervisor.replicasChanged(this.#orders);
    return undefined;
  }

  /** Asks whoever leads until its log says that it is done. Returns why it cannot be, in words. */
  async #drive(
    change: MemberChange,
    look: (leader: Row) => "done" | "wait" | "ask",
  ): Promise<string | undefined> {
    const { supervisor } = this.#host;
    let hopelessSince: number | undefined;
    for (; !this.#closed; await sleep(pollMs)) {
      const { leader, processes } = await supervisor.status();
      const row = processes.find(({ name }) => name === leader);
      if (row?.members === undefined || row.membersCommitted !== true) continue;
      const found = look(row);
      if (found === "done") return undefined;
      if (found === "wait") continue;
      const refusal = await supervisor.process(row.name)?.askChange(change);
      if (refusal === "pointless") return "Nobody would be left to vote.";
      if (refusal !== "no-majority") hopelessSince = undefined;
      else {
        hopelessSince ??= performance.now();
        if (performance.now() - hopelessSince > noMajorityMs) return this.#noMajority(row, change);
      }
    }
    return undefined;
  }

  #noMajority({ members = [] }: Row, change: MemberChange): string {
    const left = members.filter(
      ({ id, role }) => role === "voter" && (change.kind === "add" || id !== change.id),
    );
    const names = left.map(({ id }) => orderName(id)).join(", ");
    return `Of the members that would be left (${names}) no majority answers: start those that are down first.`;
  }

  #write(id: number, standing: ReplicaRecord["standing"]): void {
    const replicas = replicasOf(this.#file).map((record) => (record.id === id ? { id, standing } : record));
    this.#rewrite({ ...this.#file, replicas, nextReplica: nextReplicaOf(this.#file) });
  }

  #rewrite(file: ClusterFile): void {
    rewriteCluster(this.#host.directory, file);
    this.#file = file;
  }
}

function refused(message: string): ControlReply {
  return { kind: "refused", message };
}
