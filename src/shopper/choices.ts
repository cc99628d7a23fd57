/** What a shopper chooses, from its own seeded stream: the same seed makes the same choices of each client. */
import { assert, present } from "../base/assert.ts";
import { integerBetween, type Random, seededRandom } from "../base/random.ts";
import type { Side } from "../client/types.ts";
import type { ShopOptions } from "./options.ts";

export interface Choices {
  readonly item: () => string;
  readonly quantity: () => number;
  readonly side: () => Side;
  /** True with the given probability. */
  readonly chance: (probability: number) => boolean;
  readonly below: (count: number) => number;
}

/** `oneSide` is asked each time: a market may turn out to have one side only. */
export function choicesOf(
  options: ShopOptions,
  client: number,
  names: readonly string[],
  oneSide: () => Side | undefined,
): Choices {
  // The stream's number goes into the seed's upper half, which the generator mixes in.
  const random = seededRandom((options.seed % 2 ** 32) + (client % 2 ** 21) * 2 ** 32);
  const { low, high } = options.quantity;
  const pick = itemPicker(options.items, names, random);
  return {
    item: pick,
    quantity: () => integerBetween(random, low, high),
    side: () => {
      if (options.sides !== "mix") return options.sides;
      // Drawn in any case: the rest of the stream must not depend on what the market allows.
      const drawn = random() < 0.5 ? "buy" : "sell";
      return oneSide() ?? drawn;
    },
    chance: (probability) => random() < probability,
    below: (count) => integerBetween(random, 0, count - 1),
  };
}

function itemPicker(items: ShopOptions["items"], names: readonly string[], random: Random): () => string {
  assert(names.length > 0, "a shop needs at least one item");
  if (items !== "zipf") return () => present(names[integerBetween(random, 0, names.length - 1)], "item");
  const upTo: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= names.length; rank++) {
    total += 1 / rank;
    upTo.push(total);
  }
  return () => {
    const target = random() * total;
    let low = 0;
    let high = names.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((upTo[middle] as number) < target) low = middle + 1;
      else high = middle;
    }
    return present(names[low], "item");
  };
}
