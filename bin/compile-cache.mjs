/**
 * Where Node may keep compiled code between runs, so that five processes do not each strip and compile the same
 * modules. Whoever can write there can run code as us, so the folder is the user's own (never the shared temporary
 * folder that is Node's default), and is used only if nobody else may write to it. No such folder: no cache.
 */
import { lstatSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

const writableByOthers = 0o022;

/** An absolute path, or `undefined` if there is no safe place. Never throws. */
export function compileCacheDirectory() {
  try {
    const base = process.env.XDG_CACHE_HOME ?? "";
    const directory = join(isAbsolute(base) ? base : join(homedir(), ".cache"), "bazaar", "compiled");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const facts = lstatSync(directory);
    const ours = process.getuid === undefined || facts.uid === process.getuid();
    return ours && facts.isDirectory() && (facts.mode & writableByOthers) === 0 ? directory : undefined;
  } catch {
    // A read-only or missing home: the cache only saves time.
    return undefined;
  }
}
