/** What a replica loses with a crash besides what it had not written, and what its next start makes of the rest. */
import { assert } from "../../src/base/assert.ts";
import { logIndex } from "../../src/base/units.ts";
import { LogView, type TermRun, wholeLog } from "../../src/raft/log-view.ts";
import { decodeMembership, founders } from "../../src/raft/membership.ts";
import type { MembershipRun } from "../../src/raft/membership-history.ts";
import type { CrashRules, SimDisk } from "./disk.ts";
import type { Sometimes } from "./sometimes.ts";
import type { SimStore } from "./store.ts";
import type { World } from "./world.ts";

export function lose(disk: SimDisk, store: SimStore, what: CrashRules["loses"], sometimes: Sometimes): void {
  if (what === "nothing") return;
  // A store into which a state is being copied is of no use without it.
  if (what !== "log" || store.copying) store.lose();
  if (what === "store") sometimes.saw("a store was lost alone");
  else disk.wipe(store.index > 0 ? store.included : wholeLog);
  if (what === "log") sometimes.saw("a log was lost under its store");
  if (what === "everything") sometimes.saw("everything was lost");
}

/** A state was installed, and a crash came before the log was begun anew behind it: the mark tells it from damage. */
export function joinLogToState(disk: SimDisk, store: SimStore, { sometimes }: World): void {
  if (store.copying || store.index <= disk.base.index) return;
  if (disk.termAt(store.index) === store.included.term) return;
  if (disk.behind) {
    disk.beginBehind(store.included);
    sometimes.saw("a start found a state that the log had not joined");
  } else assert(disk.doubtful, "the store is not ahead of the log");
}

/** The log as the core sees it, with as much of its end in memory as chance will have it. */
export function viewOf(disk: SimDisk, { scheduler, tailBytes, broken, founders: ids }: World): LogView {
  const { base, entries, lastIndex } = disk;
  const members = disk.members ?? (broken === "believes the founders" ? founders(ids) : undefined);
  const runs: TermRun[] = [];
  const memberships: MembershipRun[] = [];
  if (members !== undefined) memberships.push({ from: base.index, members });
  for (const { index, term, kind, payload } of entries) {
    if (runs.at(-1)?.term !== term) runs.push({ from: index, term });
    if (kind === "membership") memberships.push({ from: index, members: decodeMembership(payload) });
  }
  const tail = entries.slice(scheduler.between(0, entries.length));
  return new LogView(base, runs, memberships, logIndex(lastIndex), tail, tailBytes);
}
