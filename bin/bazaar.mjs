#!/usr/bin/env node
/**
 * The command's entry. Plain JavaScript with nothing but Node's own modules, so that an old Node reaches the check
 * below and says what is wrong instead of stumbling over the first TypeScript file.
 */
import * as nodeModule from "node:module";

const needed = { major: 24, minor: 9 };
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < needed.major || (major === needed.major && minor < needed.minor)) {
  process.stderr.write(
    `bazaar needs Node ${needed.major}.${needed.minor} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      "In the project's folder, `npm install` brings a fitting one, and `npm start` or `npm run bazaar -- <verb>` uses it.\n",
  );
  process.exit(2);
}

const { compileCacheDirectory } = await import("./compile-cache.mjs");
const cache = compileCacheDirectory();
if (cache !== undefined) nodeModule.enableCompileCache(cache);

const { main } = await import("../src/cli/main.ts");
await main(process.argv.slice(2));
