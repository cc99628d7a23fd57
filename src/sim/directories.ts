/** What code of production finds in place of `node:fs/promises`: directories need not be made on a simulated disk. */
export async function mkdir(): Promise<void> {}
