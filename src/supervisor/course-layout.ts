/** What each process of the published protocol (course/) is told that it is: one front-end, one catalog, the replicas. */
import { join } from "node:path";
import { present } from "../base/assert.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { CourseConfig } from "../wire/course.ts";
import type { ServiceAddress } from "../wire/process.ts";

export interface CourseLayout {
  readonly orders: readonly ServiceAddress[];
  readonly catalogs: readonly ServiceAddress[];
  readonly frontends: readonly ServiceAddress[];
}

export function courseConfigsOf(
  directory: string,
  { orders, catalogs: [first], frontends }: CourseLayout,
  cluster: string,
  market: MarketDefinition,
  cache: number,
): readonly CourseConfig[] {
  const log = "course";
  const catalog = present(first, "the catalog, of which there is one");
  const own = ({ name }: ServiceAddress): string => join(directory, name);
  return [
    ...orders.map((order): CourseConfig => {
      const { id, name } = order;
      return { log, role: "order", name, id, cluster, orders, catalog, directory: own(order) };
    }),
    {
      ...{ log, role: "catalog", name: catalog.name, id: catalog.id, cluster, listen: catalog },
      ...{ directory: own(catalog), market },
    },
    ...frontends.map((frontend): CourseConfig => {
      const { id, name } = frontend;
      const reached = { orders, catalog, listen: frontend };
      return { log, role: "frontend", name, id, cluster, ...reached, cache, market };
    }),
  ];
}
