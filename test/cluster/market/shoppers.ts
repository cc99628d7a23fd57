/**
 * Those who order and those who look, through any front-end. *Couriers* look through one front-end until a value has
 * changed, and then at once through all others: who carries news there is faster than any reply to the order.
 */
import { hash128 } from "../../../src/base/hash128.ts";
import { itemId } from "../../../src/base/units.ts";
import { encodeCommand } from "../../../src/market/codec.ts";
import type { Command, ItemReference, RequestId } from "../../../src/market/command.ts";
import type { Frontend } from "./frontend.ts";
import { pages, resource } from "./frontend-service.ts";
import type { Asked } from "./oracle.ts";
import type { Answer } from "./response.ts";
import type { MarketWorld } from "./world.ts";

/** Items that may be added. */
const newNames = ["Vase", "Kettle", "Sledge", "Drum", "Flute", "Globe", "Ladle", "Skate", "Quilt"];
/** An answer that does not come within this was lost with its front-end. */
const lostMs = 4_000;

function urlOf(asked: Asked): string {
  if (asked.kind === "page") return pages[asked.topic === undefined ? 0 : 1] as string;
  return `/${resource}/${encodeURIComponent(asked.item)}`;
}

export class Shoppers {
  readonly #world: MarketWorld;
  readonly #frontends: readonly Frontend[];
  readonly #encoder = new TextEncoder();
  #lastKey = 0;
  #stopped = false;
  /** What was added last, or is being added. */
  #novelty = newNames[0] as string;
  /** Who showed the newest position of all that was shown. */
  #newest: { readonly position: number; readonly by: Frontend } | undefined;
  reads = 0;
  unanswered = 0;
  orders = 0;

  constructor(world: MarketWorld, frontends: readonly Frontend[]) {
    this.#world = world;
    this.#frontends = frontends;
  }

  start(): void {
    const { scheduler } = this.#world;
    const writeMs = scheduler.pick([8, 25, 80]);
    const readMs = scheduler.pick([3, 8, 20]);
    for (let i = scheduler.between(1, 3); i > 0; i--) this.#again(writeMs, () => this.#write(`writer ${i}`));
    for (let i = scheduler.between(1, 3); i > 0; i--) this.#again(readMs, () => this.#look(`reader ${i}`));
    for (let i = scheduler.between(1, 2); i > 0; i--) this.#courier(`courier ${i}`, readMs);
  }

  stop(): void {
    this.#stopped = true;
  }

  #again(everyMs: number, act: () => void): void {
    const { scheduler } = this.#world;
    scheduler.after(scheduler.random() * 2 * everyMs, () => {
      if (this.#stopped) return;
      act();
      this.#again(everyMs, act);
    });
  }

  #write(shopper: string): void {
    const { scheduler } = this.#world;
    const key = `key ${++this.#lastKey}`;
    const bytes = this.#encoder.encode(key);
    const id: RequestId = { kind: "key", key: hash128(bytes, 0, bytes.length) };
    const command = encodeCommand(this.#command(id));
    this.orders++;
    this.#order(shopper, key, command);
    // Whoever waits in vain, or not long enough, sends it again.
    if (!scheduler.chance(0.2)) return;
    scheduler.after(scheduler.pick([5, 300, 2_000]) * scheduler.random(), () => {
      if (this.#stopped) return;
      this.#world.market.saw("an order was sent again under its key");
      this.#order(shopper, key, command);
    });
  }

  #order(shopper: string, key: string, command: Uint8Array): void {
    const { scheduler, oracle } = this.#world;
    const frontend = scheduler.pick(this.#frontends);
    scheduler.after(scheduler.random(), () => {
      frontend.order(shopper, command, (reply) => {
        if (reply !== undefined) oracle.acknowledged(key, reply);
      });
    });
  }

  #command(id: RequestId): Command {
    const { scheduler } = this.#world;
    if (scheduler.chance(0.06)) {
      const topic = scheduler.chance(0.5) ? { topic: "Home" } : {};
      this.#novelty = scheduler.pick(newNames);
      const item = { name: this.#novelty, priceMinor: 100, quantity: 20, ...topic };
      return { kind: "add-item", id, item };
    }
    const lines = Array.from({ length: scheduler.pick([1, 1, 1, 2]) }, () => ({
      item: this.#reference(),
      quantity: scheduler.between(1, 4),
    }));
    const side = scheduler.chance(0.65) ? "buy" : "sell";
    return { kind: "place", id, side, shape: "lines", lines };
  }

  #reference(): ItemReference {
    const { item } = this.#anItem();
    return typeof item === "string" ? { kind: "name", name: item } : { kind: "id", id: itemId(item) };
  }

  /** Mostly the hot ones. */
  #anItem(): Extract<Asked, { kind: "item" }> {
    const { scheduler } = this.#world;
    if (scheduler.chance(0.1)) return { kind: "item", item: this.#novelty };
    if (scheduler.chance(0.1)) return { kind: "item", item: scheduler.pick(newNames) };
    if (scheduler.chance(0.3)) return { kind: "item", item: scheduler.between(1, 9) };
    return { kind: "item", item: scheduler.pick(["Lamp", "Lamp", "Lamp", "lamp", "Rope", "Äpfel", "Chair"]) };
  }

  #anything(): Asked {
    const { scheduler } = this.#world;
    if (!scheduler.chance(0.2)) return this.#anItem();
    return { kind: "page", topic: scheduler.chance(0.5) ? "Home" : undefined };
  }

  #look(shopper: string): void {
    this.read(shopper, this.#world.scheduler.pick(this.#frontends), this.#anything(), () => {});
  }

  /** `then` is called with what was shown; never if nothing was. */
  read(
    shopper: string,
    frontend: Frontend,
    asked: Asked,
    then: (answer: Answer) => void,
    atOnce = false,
  ): void {
    const { scheduler, oracle, market: seen } = this.#world;
    const { floor } = oracle;
    const newest = this.#newest;
    this.reads++;
    const ask = () =>
      frontend.read(shopper, urlOf(asked), (answer) => {
        scheduler.note(answer.status + answer.position);
        scheduler.trace(
          () =>
            `${frontend.process.name} shows ${shopper} ${urlOf(asked)} ${answer.cache} ${answer.position}`,
        );
        if (answer.status === 503) {
          this.unanswered++;
          seen.saw("a read was not answered");
          return;
        }
        oracle.shown(asked, floor, answer);
        this.#note(frontend, asked, answer);
        if (newest !== undefined && newest.by !== frontend && newest.position > oracle.acknowledgedThrough)
          seen.saw("a read followed what another front-end had shown before the order was answered");
        then(answer);
      });
    if (atOnce) ask();
    else scheduler.after(scheduler.random() * scheduler.pick([0, 2]), ask);
  }

  #note(by: Frontend, asked: Asked, { position, cache }: Answer): void {
    const { market: seen } = this.#world;
    if (position > (this.#newest?.position ?? 0)) this.#newest = { position, by };
    if (cache === "hit") seen.saw("a hit");
    if (cache === "miss") seen.saw("a miss");
    if (cache === "bypass") seen.saw("a bypass");
    if (cache === "hit" && asked.kind === "page") seen.saw("a page was a hit");
  }

  #courier(shopper: string, everyMs: number): void {
    const { scheduler } = this.#world;
    const from = scheduler.pick(this.#frontends);
    const asked = scheduler.chance(0.7) ? this.#anItem() : this.#anything();
    let last: number | undefined;
    let askedAt = Number.NEGATIVE_INFINITY;
    this.#again(everyMs / 2, () => {
      if (scheduler.now - askedAt < lostMs) return;
      askedAt = scheduler.now;
      this.read(shopper, from, asked, ({ position }) => {
        askedAt = Number.NEGATIVE_INFINITY;
        if (position === last) return;
        last = position;
        for (const to of this.#frontends) if (to !== from) this.read(shopper, to, asked, () => {}, true);
      });
    });
  }
}
