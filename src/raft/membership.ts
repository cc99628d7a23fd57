/**
 * Who the members of a group are. A configuration is an entry of the log like any other, and says them all; it is in
 * force from the moment it is appended (Ongaro's thesis, 4.1). What may follow upon what is in changes.ts.
 *
 * A *learner* is fed like a voter, and counts for nothing until it is promoted. An id is given to one disk, ever: who
 * comes back under a used id with an empty disk could vote twice in a term.
 */
import { assert } from "../base/assert.ts";
import { ByteReader, ByteWriter, DecodeError } from "../base/bytes.ts";
import { type ReplicaId, replicaId } from "../base/units.ts";

export interface Member {
  readonly id: ReplicaId;
  readonly role: "voter" | "learner";
  /** Where it is reached, for those who carry messages: the core only passes it on. */
  readonly address: string;
}

/** Ascending by id, each once, and at least one voter among them. */
export type Membership = readonly Member[];

export type Change =
  /** As a learner. */
  | { readonly kind: "add"; readonly id: ReplicaId; readonly address: string }
  | { readonly kind: "promote"; readonly id: ReplicaId }
  | { readonly kind: "remove"; readonly id: ReplicaId };

const membershipLimits = { members: 15 } as const;

/** The members that a group is founded with. */
export function founders(ids: readonly ReplicaId[]): Membership {
  return ids.toSorted((a, b) => a - b).map((id) => ({ id, role: "voter", address: "" }));
}

export function isVoter(members: Membership | undefined, id: ReplicaId): boolean {
  return members?.some((member) => member.id === id && member.role === "voter") === true;
}

/** How many voters there are. */
export function voterCount(members: Membership): number {
  let voters = 0;
  for (const { role } of members) if (role === "voter") voters++;
  return voters;
}

/** The members after the change; `undefined` if it changes nothing, or nobody or too many would be left. */
export function changed(members: Membership, change: Change): Membership | undefined {
  const { id } = change;
  const before = members.find((member) => member.id === id);
  const others = members.filter((member) => member.id !== id);
  switch (change.kind) {
    case "add": {
      if (before !== undefined || members.length === membershipLimits.members) return undefined;
      return sorted([...others, { id, role: "learner", address: change.address }]);
    }
    case "promote":
      return before?.role === "learner" ? sorted([...others, { ...before, role: "voter" }]) : undefined;
    case "remove":
      return before === undefined || voterCount(others) === 0 ? undefined : others;
  }
}

function sorted(members: readonly Member[]): Membership {
  return members.toSorted((a, b) => a.id - b.id);
}

export function encodeMembership(members: Membership): Uint8Array {
  assert(voterCount(members) > 0, "a group has a voter");
  const body = new ByteWriter(256);
  for (const { id, role, address } of members) {
    body.varint(id);
    body.u8(role === "voter" ? 1 : 0);
    body.string(address);
  }
  return body.copy();
}

/** Throws `DecodeError` if the bytes say no membership. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const body = new ByteReader(bytes);
  const members: Member[] = [];
  let last = -1;
  while (body.remaining > 0) {
    const id = replicaId(body.varint());
    if (id <= last) throw new DecodeError("members out of order");
    last = id;
    const role = body.u8();
    if (role > 1) throw new DecodeError("an unknown role");
    members.push({ id, role: role === 1 ? "voter" : "learner", address: body.string() });
  }
  if (voterCount(members) === 0) throw new DecodeError("a membership without a voter");
  return members;
}
