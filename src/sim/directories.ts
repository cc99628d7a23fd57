/** What code of production finds in place of `node:fs/promises`: directories need not be made on a simulated disk. */
export { appendFile, readFile, writeFile } from "./text-files.ts";

export async function mkdir(): Promise<void> {}
