/**
 * A market for whoever tries to see something old: more items than a front-end keeps replies, in topics, so that lists
 * differ; of most there is more than can be sold, of some so little that they run out again and again.
 */

export const topics = ["north", "east", "south", "west"] as const;
const itemsPerTopic = 20;
const plenty = 1_000_000;
const few = 20;

const items = Array.from({ length: topics.length * itemsPerTopic }, (_, i) => {
  const topic = topics[i % topics.length];
  const number = Math.floor(i / topics.length) + 1;
  const name = `${topic}-${String(number).padStart(2, "0")}`;
  return { name, topic, priceMinor: 100 + 7 * i, quantity: number === itemsPerTopic ? few : plenty };
});

/** As a market file has it. */
export const wares = { name: "wares", resource: "wares", sides: ["buy", "sell"], items } as const;

export const names: readonly string[] = items.map(({ name }) => name);

/** The first of each topic: what most ask for, and order, all the time. */
export const hotNames = names.slice(0, topics.length);

export function topicOf(name: string): string {
  return name.slice(0, name.indexOf("-"));
}
