import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../../base/random.ts";
import { type ReplicaId, replicaId } from "../../base/units.ts";
import { wholeLog } from "../../raft/log-view.ts";
import { readHello } from "../../wire/hello.ts";
import { type Acceptor, Listener } from "../../wire/listener.ts";
import { describeLog } from "../conformance.ts";
import type { ReplicatedLog } from "../port.ts";
import { EmbeddedLog } from "./embedded-log.ts";
import type { Member } from "./peers.ts";

const cluster = "conformance";

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return address.port;
}

/** One replica's log and the port it listens on, as an order replica would run them. */
async function start(directory: string, id: ReplicaId, members: readonly Member[]) {
  const self = members.find((member) => member.id === id);
  assert.ok(self);
  const log = await EmbeddedLog.open({
    cluster,
    name: `member-${id}`,
    id,
    members,
    directory,
    applied: wholeLog,
    stateful: true,
    keptBytes: 0,
    segmentBytes: 1024 * 1024,
    random: seededRandom(id),
    onFatal: (error) => {
      throw error;
    },
    onEvent: () => {},
  });
  const listener = await Listener.open(self, (connection) => {
    let acceptor: Acceptor | undefined;
    return {
      frame: (kind, body) => {
        if (acceptor === undefined) acceptor = log.accept(readHello(body, cluster), connection);
        else acceptor.frame(kind, body);
      },
      closed: () => acceptor?.closed(),
    };
  });
  const close = async (): Promise<void> => {
    await listener.close();
    await log.close();
  };
  return { log, close };
}

describeLog("the embedded log", async () => {
  const root = await mkdtemp(join(tmpdir(), "bazaar-log-"));
  const members: Member[] = [];
  for (const id of [1, 2, 3]) members.push({ id: replicaId(id), host: "127.0.0.1", port: await freePort() });
  const up = new Map<ReplicaId, Awaited<ReturnType<typeof start>>>();
  const directory = (id: ReplicaId): string => join(root, `member-${id}`);
  for (const { id } of members) await EmbeddedLog.format(directory(id), { cluster, replica: id });
  const restart = async (): Promise<void> => {
    for (const { id } of members) if (!up.has(id)) up.set(id, await start(directory(id), id, members));
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
