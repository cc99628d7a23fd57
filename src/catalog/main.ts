/**
 * A catalog: every item in memory, kept up by one order replica's change feed, for front-ends that look up or list. It
 * has no disk and no vote. When it dies, nothing waits for it; started again, it asks a replica for all items.
 */
import { AnswerFrames } from "../answering/answer-frames.ts";
import { greeted } from "../answering/greeting.ts";
import { answerEach } from "../answering/questions.ts";
import { assert } from "../base/assert.ts";
import { DecodeError } from "../base/bytes.ts";
import type { Connection } from "../wire/connection.ts";
import { type Acceptor, Listener } from "../wire/listener.ts";
import type { CatalogConfig, ProcessHost, RunningProcess } from "../wire/process.ts";
import { readQuestions, serviceFrames } from "../wire/service.ts";
import { Feed } from "./feed.ts";
import { type CatalogInquiries, catalogInquiries, find } from "./inquiries.ts";

/** Two ticks of the leader missed: the replica that is followed is paused, or cut off. */
const feedSilenceMs = 2_000;

/**
 * Resolves when it has every item and listens: until then front-ends find nobody there, and ask elsewhere. For its
 * first state it waits without bound. Rejects with the operating system's error if the port is taken.
 */
export async function startCatalog(
  config: CatalogConfig,
  host: ProcessHost,
  silenceMs = feedSilenceMs,
): Promise<RunningProcess> {
  const { cluster, name, id, orders } = config;
  assert(orders.length > 0 && id > 0, "a catalog has an id from 1 on, and replicas to follow");
  const inquiries = catalogInquiries();
  const filled = Promise.withResolvers<void>();
  const feed = new Feed({
    orders,
    // Catalogs follow different replicas, and not the highest one, which prefers to lead, before the others.
    first: id - 1,
    hello: { cluster, role: "catalog", name, id, incarnation: 0 },
    silenceMs,
    onAdvanced: (state, from) => {
      inquiries.items = state.items;
      inquiries.applied.advance(state.position);
      if (from === undefined) return;
      host.emit({ kind: "feed-following", replica: from.name, position: state.position });
      filled.resolve();
    },
  });
  host.onReplicas?.((replicas) => feed.replicasChanged(replicas));
  await filled.promise;
  const listener = await Listener.open(config.listen, (connection) =>
    accept(connection, cluster, inquiries),
  ).catch((error: unknown) => {
    feed.close();
    throw error;
  });
  return {
    status: () => ({ position: inquiries.applied.position, rssBytes: process.memoryUsage.rss() }),
    stop: async () => {
      feed.close();
      inquiries.applied.close();
      await listener.close();
    },
  };
}

function accept(connection: Connection, cluster: string, inquiries: CatalogInquiries): Acceptor {
  return greeted(connection, cluster, ({ role }) => {
    if (role !== "frontend") throw new DecodeError(`a catalog has nothing for a peer of role ${role}`);
    const answers = new AnswerFrames(connection);
    return {
      frame: (kind, body) => {
        if (kind !== serviceFrames.ask) throw new DecodeError(`a front-end sent a frame of kind ${kind}`);
        answerEach(inquiries, find, answers, readQuestions(body));
      },
      closed: () => {},
    };
  });
}
