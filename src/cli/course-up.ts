/** What `up --log course` says and does otherwise: the published protocol of course/, unsafe and for teaching. */
import { mkdir } from "node:fs/promises";
import { usageFailure } from "./exit.ts";
import type { FlagsOf } from "./verbs.ts";

export const courseWarning =
  "\n*** UNSAFE, for teaching: --log course runs the protocol of published course systems. ***\n" +
  "It loses orders that it has confirmed, carries others out twice, takes stock without an order, gives two orders\n" +
  "one number and shows stale items, whenever a process dies or pauses at the wrong moment. Break it on purpose\n" +
  "(`kill leader`, `pause order-3`), and see docs/course/README.md. Never keep anything in it that matters.\n";

/** It has one catalog and one front-end. Throws `CommandFailure` if more front-ends are asked for. */
export function courseShape({ frontends }: Pick<FlagsOf<"up">, "frontends">): {
  readonly frontends: 1;
  readonly catalogs: 1;
} {
  if (frontends > 1) throw usageFailure("--log course has one front-end, which alone knows who leads.");
  return { frontends: 1, catalogs: 1 };
}

/** A replica's directory needs no record of its own: whatever lies in it is believed. */
export async function formatCourseReplica(directory: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
}
