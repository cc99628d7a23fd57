/**
 * `repair NAME`: let a replica build its store anew. Its log stays, so it does not forget what it has acknowledged; its
 * database is set aside, and made again from the log and, where that no longer reaches back, from its peers.
 */
import type { ClusterStatus } from "../wire/process.ts";
import type { ControlReply } from "./control.ts";
import type { Supervisor } from "./supervisor.ts";

type Row = ClusterStatus["processes"][number];

function isWhole({ up, state }: Row): boolean {
  return up && state !== undefined && state !== "recovering";
}

function tellState({ name, life, up, state }: Row): string {
  return `${name} is ${up ? (state ?? "silent") : life}`;
}

/**
 * Why this replica cannot be repaired now, in words; `undefined`: it can. While it is away the others must be able to
 * go on, and what it builds its store from must be there.
 */
export function repairRefusal({ processes }: ClusterStatus, name: string): string | undefined {
  const orders = processes.filter(({ role }) => role === "order");
  const others = orders.filter((row) => row.name !== name);
  if (others.length === orders.length) {
    return `${name} is no order replica: only those have a store. There are ${orders.map((row) => row.name).join(", ")}.`;
  }
  if (others.length * 2 <= orders.length) {
    return `Without ${name} there is no majority of ${orders.length}, and nothing to build its store from.`;
  }
  const missing = others.filter((row) => !isWhole(row));
  if (missing.length === 0) return undefined;
  return `Only while all other replicas are up and whole can a store be built anew: ${missing.map(tellState).join(", ")}.`;
}

export class StoreRepair {
  readonly #supervisor: Supervisor;
  readonly #setStoreAside: (name: string) => string | undefined;
  /** One replica at a time: each relies on the others. */
  #isBusy = false;

  /** `setStoreAside` renames the store of the named replica, which then does not run; it returns the new name. */
  constructor(supervisor: Supervisor, setStoreAside: (name: string) => string | undefined) {
    this.#supervisor = supervisor;
    this.#setStoreAside = setStoreAside;
  }

  /** Answered when the replica is being started again. */
  async repair(name: string): Promise<ControlReply> {
    if (this.#isBusy) return { kind: "refused", message: "Another replica is being repaired; wait for it." };
    this.#isBusy = true;
    try {
      return await this.#repair(name);
    } finally {
      this.#isBusy = false;
    }
  }

  async #repair(name: string): Promise<ControlReply> {
    const refusal = repairRefusal(await this.#supervisor.status(), name);
    if (refusal !== undefined) return { kind: "refused", message: refusal };
    const replica = this.#supervisor.process(name);
    await replica?.stop();
    // From here to its start nothing else gets a turn: nobody can start it on half a store.
    try {
      const file = this.#setStoreAside(name);
      const kept = file === undefined ? "it had no database" : `its database was kept as ${file}`;
      return {
        kind: "done",
        message: `${name} was stopped, ${kept}, and it builds a new one: see \`status\``,
      };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: "refused", message: `The store of ${name} could not be set aside: ${reason}.` };
    } finally {
      replica?.restart();
    }
  }
}
