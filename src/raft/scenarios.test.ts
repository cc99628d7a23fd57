/**
 * Scenario files: commands, `----`, and the full trace of what they cause. A change of behaviour shows as a diff of
 * these files; `UPDATE_SCENARIOS=1 node --test src/raft/scenarios.test.ts` rewrites them, to be reviewed as such.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { replicaId } from "../base/units.ts";
import { Group, type Link } from "./scenarios/group.test-support.ts";

const folder = join(import.meta.dirname, "scenarios");
const update = process.env.UPDATE_SCENARIOS === "1";

/** `1->2`, `1->*`, `*->2`, and perhaps a message's kind. */
function linkOf(words: readonly string[]): Link {
  const [from = "*", to = "*"] = (words.find((word) => word.includes("->")) ?? "*->*").split("->");
  const number = (word: string) => (word === "*" ? undefined : Number(word));
  return { from: number(from), to: number(to), kind: words.find((word) => !word.includes("->")) };
}

function option(words: readonly string[], name: string, otherwise: number): number {
  const word = words.find((each) => each.startsWith(`${name}=`));
  return word === undefined ? otherwise : Number(word.slice(name.length + 1));
}

class Interpreter {
  #group: Group | undefined;

  get group(): Group {
    if (this.#group === undefined) throw new Error("a scenario begins with `nodes`");
    return this.#group;
  }

  run(line: string): void {
    const [command = "", ...words] = line.split(/\s+/);
    const numbers = words.filter((word) => /^\d+$/.test(word)).map(Number);
    const [first = 0, second = 0] = numbers;
    switch (command) {
      case "nodes":
        this.#group = new Group(
          first,
          option(words, "spare", 0),
          option(words, "tail", 1024 * 1024),
          option(words, "lease", 0),
        );
        return;
      case "campaign":
        return this.group.campaign(first);
      case "tick":
        return this.group.tick(first, numbers.slice(1));
      /** Time goes by, and nobody looks at the clock. */
      case "wait":
        return this.group.tick(first, [0]);
      /** Time goes by in an ordinary way. */
      case "pass":
        for (let ms = 0; ms < first; ms += 50) {
          this.group.tick(50, numbers.slice(1));
          this.group.stabilize(numbers.slice(1));
        }
        return;
      case "propose":
        for (let i = 0; i < option(words, "times", 1); i++) {
          this.group.propose(first, words[1] ?? "", option(words, "bytes", 0));
        }
        return;
      case "add":
        return this.group.change(first, { kind: "add", id: replicaId(second), address: "" });
      case "promote":
        return this.group.change(first, { kind: "promote", id: replicaId(second) });
      case "remove":
        return this.group.change(first, { kind: "remove", id: replicaId(second) });
      case "read":
        return this.group.read(first, second);
      case "gone":
        return this.group.gone(first, second);
      case "deliver":
        this.group.deliver(linkOf(words));
        return;
      case "repeat":
        return this.group.repeat(linkOf(words));
      case "drop":
        return this.group.drop(linkOf(words));
      case "cut":
        for (const word of words) {
          const { from = 0, to = 0 } = linkOf([word]);
          this.group.cut(from, to);
        }
        return;
      case "heal":
        return this.group.heal();
      case "persist":
        return this.group.persist(first, numbers[1] ?? 1);
      case "crash":
        return this.group.crash(first);
      case "restart":
        return this.group.restart(first, {
          lost: option(words, "lost", 0),
          wiped: words.includes("wiped"),
          stateless: words.includes("stateless"),
        });
      case "lease":
        return this.group.lease(first, second, words.includes("fresh"));
      case "acknowledge":
        return this.group.acknowledge(first, second, numbers[2] ?? 0);
      case "end-lease":
        return this.group.endLease(first, second);
      case "compact":
        return this.group.compact(first, second);
      case "restore":
        return this.group.restore(first, second);
      case "fetch":
        return this.group.fetch(first);
      case "stabilize":
        return this.group.stabilize(numbers);
      case "status":
        return this.group.status();
      case "progress":
        return this.group.progress(first);
      case "members":
        return this.group.members();
      case "queue":
        return this.group.queue();
      default:
        throw new Error(`no such command: ${line}`);
    }
  }
}

/** The text with every block's output as it really is. `quiet` blocks print nothing. */
function replay(text: string): string {
  const interpreter = new Interpreter();
  const blocks = text.trimEnd().split(/\n{2,}/);
  const replayed = blocks.map((block) => {
    const [commands = ""] = block.split("\n----");
    let quiet = false;
    for (const line of commands.split("\n")) {
      if (line === "quiet") quiet = true;
      else if (line !== "" && !line.startsWith("#")) interpreter.run(line);
    }
    const output = interpreter.group.takeOutput();
    if (commands.split("\n").every((line) => line.startsWith("#"))) return commands;
    return [commands, "----", ...(quiet ? [] : output)].join("\n");
  });
  return `${replayed.join("\n\n")}\n`;
}

for (const name of readdirSync(folder).filter((each) => each.endsWith(".txt"))) {
  const path = join(folder, name);
  test(`scenario: ${name.replace(".txt", "").replaceAll("-", " ")}`, () => {
    const text = readFileSync(path, "utf8");
    const actual = replay(text);
    if (update) writeFileSync(path, actual);
    else assert.equal(actual, text);
  });
}
