import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ReplicaId, replicaId } from "../../base/units.ts";
import { describeLog } from "../conformance.ts";
import type { ReplicatedLog } from "../port.ts";
import { EmbeddedLog } from "./embedded-log.ts";
import { freePort, startMember } from "./member.test-support.ts";
import type { Member } from "./peers.ts";

const cluster = "conformance";

describeLog("the embedded log", async () => {
  const root = await mkdtemp(join(tmpdir(), "bazaar-log-"));
  const members: Member[] = [];
  for (const id of [1, 2, 3]) members.push({ id: replicaId(id), host: "127.0.0.1", port: await freePort() });
  const up = new Map<ReplicaId, Awaited<ReturnType<typeof startMember>>>();
  const directory = (id: ReplicaId): string => join(root, `member-${id}`);
  const founders = members.map(({ id }) => id);
  for (const { id } of members)
    await EmbeddedLog.format(directory(id), { cluster, replica: id }, { founders });
  const restart = async (): Promise<void> => {
    for (const { id } of members)
      if (!up.has(id)) up.set(id, await startMember(cluster, directory(id), id, members));
  };
  await restart();
  const logs = (): EmbeddedLog[] => [...up.values()].map(({ log }) => log);
  return {
    members: logs,
    leader: async () => {
      for (;;) {
        const leader = logs().find((log) => log.leadership.leading);
        if (leader !== undefined) return leader;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
    crash: async (member: ReplicatedLog) => {
      for (const [id, replica] of up) {
        if (replica.log !== member) continue;
        up.delete(id);
        await replica.close();
      }
    },
    restart,
    close: async () => {
      for (const replica of up.values()) await replica.close();
      await rm(root, { recursive: true, force: true });
    },
  };
});
