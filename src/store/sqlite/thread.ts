/**
 * Starts a thread of the store from JavaScript that this thread has made of its TypeScript.
 *
 * Node strips types by WebAssembly, in each thread for itself. V8 24 and before can crash when threads that do so begin and
 * end beside each other (in the process-wide cache of WebAssembly's wrappers): a replica that set a damaged database aside
 * ended so, once in some hundred starts. A thread that loads no TypeScript has no WebAssembly. It is also the same code
 * whenever it is started, though the files may have been replaced meanwhile.
 */
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { Worker } from "node:worker_threads";
import { threadLimits } from "./messages.ts";

/** What a thread finds as its `workerData`. */
export interface ThreadData<Data> {
  readonly entry: string;
  /** Of the entry and all that it imports of ours, by URL. */
  readonly sources: Readonly<Record<string, string>>;
  readonly data: Data;
}

/** JavaScript already, so that nothing is stripped before it has run. */
const bootstrap = `
  const { registerHooks } = require("node:module");
  const { entry, sources } = require("node:worker_threads").workerData;
  registerHooks({
    load(url, context, next) {
      const source = sources[url];
      if (source === undefined && url.endsWith(".ts")) throw new Error(url + " was not made JavaScript");
      return source === undefined ? next(url, context) : { format: "module", source, shortCircuit: true };
    },
  });
  import(entry);
`;

const sourcesOf = new Map<string, Readonly<Record<string, string>>>();

/** The module at `entry` runs in it, and finds `data` by `ThreadData`. */
export function startThread<Data>(entry: URL, data: Data): Worker {
  const { href } = entry;
  let sources = sourcesOf.get(href);
  if (sources === undefined) {
    sources = Object.fromEntries(strip(href, new Map()));
    sourcesOf.set(href, sources);
  }
  const workerData: ThreadData<Data> = { entry: href, sources, data };
  return new Worker(bootstrap, { eval: true, workerData, resourceLimits: threadLimits });
}

/** Only what is imported by a relative path is ours; imports of types are gone when types are stripped. */
function strip(url: string, stripped: Map<string, string>): Map<string, string> {
  if (stripped.has(url)) return stripped;
  const source = stripTypeScriptTypes(readFileSync(new URL(url), "utf8"), { mode: "strip" });
  stripped.set(url, source);
  for (const [, path = ""] of source.matchAll(/^\s*(?:import|export)\b[^"]*"(\.[^"]+\.ts)";/gm)) {
    strip(new URL(path, url).href, stripped);
  }
  return stripped;
}
