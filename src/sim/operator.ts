/**
 * Who changes the group while a history lasts, as `member add` and `member remove` do (supervisor/replica-changes.ts):
 * adds a replica with an empty disk, waits until the log says that it is a voter, removes another. Everyone is told where the
 * replicas are before the group hears of a new one, and after it has let go of an old one.
 */
import { present } from "../base/assert.ts";
import type { GroupMember, MemberChange, ProcessStatus } from "../wire/process.ts";
import type { OrderMachine, SimCluster } from "./cluster.ts";
import type { Schedule } from "./schedule.ts";
import type { Sometimes } from "./sometimes.ts";

const pollMs = 100;
const replicasMax = 6;
const replicasMin = 3;

export interface OperatorOptions {
  readonly schedule: Schedule;
  readonly cluster: SimCluster;
  readonly sometimes: Sometimes;
  /** Whether nobody lacks anything: a disk that is lost together with a removal may be one too many. */
  readonly areWhole: () => boolean;
}

type Change =
  | { readonly kind: "add"; readonly order: OrderMachine }
  | { readonly kind: "remove"; readonly order: OrderMachine };

export class Operator {
  readonly #options: OperatorOptions;
  readonly #everyMs: number;
  #change: Change | undefined;
  #stopped = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#everyMs = options.schedule.pick([2_000, 8_000, 20_000]);
  }

  /** A change is under way: it may come into force at any moment. */
  get isChanging(): boolean {
    return this.#change !== undefined;
  }

  start(): void {
    this.#later(this.#options.schedule.random() * this.#everyMs, () => this.#begin());
  }

  /** What was begun goes on; nothing else is. */
  stop(): void {
    this.#stopped = true;
  }

  #later(ms: number, act: () => void): void {
    this.#options.schedule.after(ms, act);
  }

  #begin(): void {
    if (this.#stopped) return;
    const { schedule, cluster, areWhole } = this.#options;
    if (!areWhole()) {
      this.#later(pollMs, () => this.#begin());
      return;
    }
    const count = cluster.orders.length;
    const grows = count < replicasMax && (count <= replicasMin || schedule.chance(0.5));
    if (grows) {
      cluster.addOrder((order) => this.#ask({ kind: "add", order }));
      return;
    }
    this.#ask({ kind: "remove", order: schedule.pick(cluster.orders) });
  }

  /** Again and again, of whoever leads, until it is done. */
  #ask(change: Change): void {
    this.#change = change;
    const { schedule, cluster } = this.#options;
    const members = cluster.committedMembers();
    if (members !== undefined && isDone(change, members)) {
      this.#end(change);
      return;
    }
    const leader = cluster.orders.find(({ process: { running } }) => running?.status().state === "leader");
    if (leader !== undefined) {
      const { process } = leader;
      // Now: by the time that a leader which stands still hears of it, that replica may be gone again.
      const asked = toAsk(change, cluster);
      schedule.for(process.machine, 0, "input", () => void process.running?.changeMembers?.(asked));
    }
    this.#later(pollMs, () => this.#ask(change));
  }

  #end(change: Change): void {
    const { cluster, sometimes, schedule } = this.#options;
    this.#change = undefined;
    schedule.trace(() => `== ${change.kind} ${change.order.process.name}: done`);
    if (change.kind === "add") sometimes.saw("a replica was added to the group");
    else {
      sometimes.saw("a replica was removed from the group");
      cluster.removeOrder(change.order);
    }
    this.#later(schedule.random() * this.#everyMs, () => this.#begin());
  }
}

function toAsk({ kind, order }: Change, cluster: SimCluster): MemberChange {
  return kind === "add" ? { kind, replica: cluster.addressOf(order) } : { kind, id: order.id };
}

function isDone({ kind, order: { id } }: Change, members: readonly GroupMember[]): boolean {
  const member = members.find((one) => one.id === id);
  return kind === "add" ? member?.role === "voter" : member === undefined;
}

/** Who the members are by the newest term's leader, if what it says is committed. */
export function committedBy(
  statuses: readonly (ProcessStatus | undefined)[],
): readonly GroupMember[] | undefined {
  const leading = statuses.filter((status) => status?.state === "leader");
  const newest = leading.reduce<ProcessStatus | undefined>(
    (best, one) => ((one?.term ?? 0) > (best?.term ?? -1) ? one : best),
    undefined,
  );
  return newest?.membersCommitted === true ? present(newest.members, "a leader's members") : undefined;
}
