/**
 * Loaded before anything else (`node --import`): from here on modules of production are loaded into a simulated world.
 *
 * They are the files that production runs, unchanged but for what they reach the world by: the global timers and clocks
 * are taken from clock.ts, and `node:net`, `node:http`, the disk and the like from the files beside this one. Nothing
 * in production knows of that. A *mutant* (mutants.ts) changes a line of one file as it is loaded, in the same way.
 */
import { isBuiltin, registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { applyMutant, chosenMutant } from "./mutants.ts";

const source = fileURLToPath(new URL("../", import.meta.url));
const own = (name: string): string => pathToFileURL(`${source}sim/${name}`).href;

/** What modules of production get for what they ask for. */
const instead: Readonly<Record<string, string>> = {
  "node:net": own("net.ts"),
  "node:http": own("http.ts"),
  "node:crypto": own("crypto.ts"),
  "node:timers/promises": own("timers-promises.ts"),
  "node:fs/promises": own("directories.ts"),
  fastify: own("fastify.ts"),
};

/** What is the same in every world. */
const timeless: ReadonlySet<string> = new Set(["node:buffer", "node:events", "node:path", "node:zlib"]);

/** What would reach the real world past all this. */
const escapes = /\bMath\.random\(|\bAbortSignal\.timeout\(|\bhrtime\b|\bworker_threads\b/;

/** Files of production in whose place another is loaded. */
const replaced: Readonly<Record<string, string>> = {
  "log/embedded/wal/node-files.ts": own("mounts.ts"),
  "store/sqlite/store.ts": own("mounts.ts"),
  "store/sqlite/damage.ts": own("mounts.ts"),
};

const globals = [
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "performance",
  "Date",
] as const;

/** The path of a file of production within src/; undefined for any other module. */
function production(url: string | undefined): string | undefined {
  if (url === undefined || !url.startsWith("file:")) return undefined;
  const path = fileURLToPath(url);
  if (!path.startsWith(source)) return undefined;
  const inner = path.slice(source.length);
  return inner.startsWith("sim/") || inner.startsWith("check/") ? undefined : inner;
}

/** On the first line, so that every line keeps its number. */
function simulated(text: string): string {
  const taken = globals.filter((name) => {
    const used = new RegExp(String.raw`\b${name}\b`).test(text);
    return used && !new RegExp(String.raw`import \{[^}]*\b${name}\b`).test(text);
  });
  return taken.length === 0 ? text : `import { ${taken.join(", ")} } from "${own("clock.ts")}"; ${text}`;
}

registerHooks({
  resolve(specifier, context, next) {
    if (production(context.parentURL) === undefined) return next(specifier, context);
    const other = instead[specifier];
    if (other !== undefined) return { url: other, format: "module-typescript", shortCircuit: true };
    if (isBuiltin(specifier) && !timeless.has(specifier)) {
      throw new Error(`${context.parentURL} asks for ${specifier}, which is not simulated`);
    }
    const resolved = next(specifier, context);
    const file = production(resolved.url);
    const url = file === undefined ? undefined : replaced[file];
    return url === undefined ? resolved : { url, format: "module-typescript", shortCircuit: true };
  },
  load(url, context, next) {
    const file = production(url);
    const loaded = next(url, context);
    if (file === undefined || loaded.source === undefined || loaded.source === null) return loaded;
    const text = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
    if (escapes.test(text))
      throw new Error(`${file} uses ${escapes.exec(text)?.[0]}, which is not simulated`);
    return { ...loaded, source: simulated(applyMutant(chosenMutant, file, text)) };
  },
});
