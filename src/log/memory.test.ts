import { replicaId } from "../base/units.ts";
import { describeLog } from "./conformance.ts";
import { type MemoryLog, MemoryLogGroup } from "./memory.ts";

const ids = [1, 2, 3].map(replicaId);

describeLog("the memory log", async () => {
  const group = new MemoryLogGroup();
  const up = new Map(ids.map((id) => [id, group.join(id)]));
  group.elect(replicaId(3));
  return {
    members: () => [...up.values()],
    leader: async () => {
      let leader = [...up.values()].find((member) => member.leadership.leading);
      if (leader === undefined) {
        leader = [...up.values()].at(-1) as MemoryLog;
        group.elect(leader.id);
      }
      return leader;
    },
    crash: async (member) => {
      for (const [id, log] of up) if (log === member) up.delete(id);
      await member.close();
    },
    restart: async () => {
      for (const id of ids) if (!up.has(id)) up.set(id, group.join(id));
    },
    close: async () => {
      for (const log of up.values()) await log.close();
    },
  };
});
