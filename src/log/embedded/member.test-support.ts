/** One member of an embedded log's group, with the port it listens on, as an order replica would run them. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { seededRandom } from "../../base/random.ts";
import type { ReplicaId } from "../../base/units.ts";
import { wholeLog } from "../../raft/log-view.ts";
import { readHello } from "../../wire/hello.ts";
import { type Acceptor, Listener } from "../../wire/listener.ts";
import { EmbeddedLog } from "./embedded-log.ts";
import type { Member } from "./peers.ts";

export async function freePort(): Promise<number> {
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

export interface StartedMember {
  readonly log: EmbeddedLog;
  readonly close: () => Promise<void>;
}

/** With nothing applied from its log before. */
export async function startMember(
  cluster: string,
  directory: string,
  id: ReplicaId,
  members: readonly Member[],
): Promise<StartedMember> {
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
