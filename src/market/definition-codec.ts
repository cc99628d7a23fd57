/** The bytes of a market's definition, canonical: the hash of a definition is a hash of them. */
import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/bytes.ts";
import { requestLimits } from "../base/limits.ts";
import type { ItemDefinition, MarketDefinition, RestockRule, Side } from "./definition.ts";
import type { DefinitionProblem } from "./definition-rules.ts";
import { definitionProblems, itemProblems } from "./definition-rules.ts";
import type { Building } from "./value-codec.ts";
import { readFlags, readText, readWithin } from "./value-codec.ts";

const withTitle = 1;
const withTopic = 2;

export function writeItemDefinition(writer: ByteWriter, item: ItemDefinition): void {
  writer.u8((item.title === undefined ? 0 : withTitle) | (item.topic === undefined ? 0 : withTopic));
  writer.string(item.name);
  if (item.title !== undefined) writer.string(item.title);
  if (item.topic !== undefined) writer.string(item.topic);
  writer.varint(item.priceMinor);
  writer.varint(item.quantity);
}

function readUncheckedItem(reader: ByteReader): ItemDefinition {
  const flags = readFlags(reader, withTitle | withTopic, "an item");
  const name = readText(reader, "an item's name");
  const title = flags & withTitle ? readText(reader, "a title") : undefined;
  const topic = flags & withTopic ? readText(reader, "a topic") : undefined;
  const item: Building<ItemDefinition> = {
    name,
    priceMinor: readWithin(reader, 0, requestLimits.priceMinorMax, "a price"),
    quantity: readWithin(reader, 0, requestLimits.stockMax, "a stock"),
  };
  if (title !== undefined) item.title = title;
  if (topic !== undefined) item.topic = topic;
  return item;
}

function refuse(problems: readonly DefinitionProblem[]): void {
  const [first] = problems;
  if (first !== undefined) throw new DecodeError(`a definition whose ${first.path} ${first.problem}`);
}

/** Throws `DecodeError` also for an item that breaks the rules of definitions. */
export function readItemDefinition(reader: ByteReader): ItemDefinition {
  const item = readUncheckedItem(reader);
  refuse(itemProblems(item));
  return item;
}

const canBuy = 1;
const canSell = 2;
const sellFirst = 4;
const withRestock = 8;
const withMaxQuantity = 16;
const withMaxPerOrder = 32;

export function writeDefinition(writer: ByteWriter, definition: MarketDefinition): void {
  const { sides, restock, maxQuantity, maxPerOrder } = definition;
  writer.u8(
    (sides.includes("buy") ? canBuy : 0) |
      (sides.includes("sell") ? canSell : 0) |
      (sides.length === 2 && sides[0] === "sell" ? sellFirst : 0) |
      (restock === undefined ? 0 : withRestock) |
      (maxQuantity === undefined ? 0 : withMaxQuantity) |
      (maxPerOrder === undefined ? 0 : withMaxPerOrder),
  );
  writer.string(definition.name);
  writer.string(definition.resource);
  writer.string(definition.currency);
  if (restock !== undefined) {
    writer.varint(restock.everyTicks);
    writer.varint(restock.when);
    writer.varint(restock.to);
  }
  if (maxQuantity !== undefined) writer.varint(maxQuantity);
  if (maxPerOrder !== undefined) writer.varint(maxPerOrder);
  writer.varint(definition.items.length);
  for (const item of definition.items) writeItemDefinition(writer, item);
}

function readSides(flags: number): readonly Side[] {
  const sides: Side[] = [];
  if (flags & canBuy) sides.push("buy");
  if (flags & canSell) sides.push("sell");
  if (flags & sellFirst) {
    if (sides.length < 2) throw new DecodeError("an order of sides without two sides");
    sides.reverse();
  }
  return sides;
}

/** Throws `DecodeError` also for a definition that breaks the rules of definitions. */
export function readDefinition(reader: ByteReader): MarketDefinition {
  const flags = readFlags(reader, 63, "a definition");
  const definition: Building<MarketDefinition> = {
    name: readText(reader, "a market's name"),
    resource: readText(reader, "a resource"),
    currency: readText(reader, "a currency"),
    sides: readSides(flags),
    items: [],
  };
  if (flags & withRestock) {
    const restock: RestockRule = { everyTicks: reader.varint(), when: reader.varint(), to: reader.varint() };
    definition.restock = restock;
  }
  if (flags & withMaxQuantity) definition.maxQuantity = reader.varint();
  if (flags & withMaxPerOrder) definition.maxPerOrder = reader.varint();
  const count = readWithin(reader, 0, requestLimits.itemsMax, "a number of items");
  const items: ItemDefinition[] = [];
  for (let i = 0; i < count; i++) items.push(readUncheckedItem(reader));
  definition.items = items;
  refuse(definitionProblems(definition));
  return definition;
}
