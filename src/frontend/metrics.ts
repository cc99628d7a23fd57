/** What a front-end counts, and the page that shows it in the Prometheus text format. */

export interface Metrics {
  /** Replies to orders, each slot of a batch by itself. */
  readonly orders: {
    placed: number;
    refused: number;
    replayed: number;
    /** 503: certainly did not happen. */
    unavailable: number;
    /** 504: may have happened. */
    unknown: number;
  };
  /** Replies to reads. */
  readonly reads: { answered: number; unavailable: number };
  /** Reads by what the cache had to do with them (`X-Cache`), and leases that were lost. */
  readonly cache: { hits: number; misses: number; bypasses: number; lapses: number };
  /** Requests that were malformed, unauthorized, too large and the like. */
  rejected: number;
}

export function createMetrics(): Metrics {
  return {
    orders: { placed: 0, refused: 0, replayed: 0, unavailable: 0, unknown: 0 },
    reads: { answered: 0, unavailable: 0 },
    cache: { hits: 0, misses: 0, bypasses: 0, lapses: 0 },
    rejected: 0,
  };
}

/** Values that are read when the page is asked for. */
export interface Gauges {
  readonly pendingOrders: number;
  readonly pendingReads: number;
  readonly resends: number;
  readonly connectedReplicas: number;
  readonly connectedCatalogs: number;
  readonly cacheEntries: number;
  readonly cacheEvictions: number;
  readonly leased: boolean;
  readonly parkedReads: number;
  readonly leaderTerm: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}

export function renderMetrics(metrics: Metrics, gauges: Gauges): string {
  const lines: string[] = [];
  const family = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    values: Readonly<Record<string, number>>,
  ) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [label, value] of Object.entries(values)) lines.push(`${name}${label} ${value}`);
  };
  const byOutcome = (values: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(values).map(([outcome, value]) => [`{outcome="${outcome}"}`, value]));
  family("bazaar_orders_total", "counter", "Answered orders by outcome.", byOutcome(metrics.orders));
  family("bazaar_reads_total", "counter", "Answered reads by outcome.", byOutcome(metrics.reads));
  const { hits, misses, bypasses, lapses } = metrics.cache;
  family("bazaar_cache_reads_total", "counter", "Reads by what the cache had to do with them.", {
    '{cache="hit"}': hits,
    '{cache="miss"}': misses,
    '{cache="bypass"}': bypasses,
  });
  family("bazaar_cache_evictions_total", "counter", "Replies that had to go for others.", {
    "": gauges.cacheEvictions,
  });
  family("bazaar_lease_lapses_total", "counter", "Leases that were lost, and the whole cache with each.", {
    "": lapses,
  });
  family("bazaar_cache_entries", "gauge", "Replies that are kept.", { "": gauges.cacheEntries });
  family("bazaar_lease_held", "gauge", "Whether a lease is held.", { "": gauges.leased ? 1 : 0 });
  family("bazaar_reads_parked", "gauge", "Reads that wait for an item's new value.", {
    "": gauges.parkedReads,
  });
  family("bazaar_rejected_total", "counter", "Requests refused at the edge.", { "": metrics.rejected });
  family("bazaar_orders_resent_total", "counter", "Submissions sent again under the same id.", {
    "": gauges.resends,
  });
  family("bazaar_orders_pending", "gauge", "Orders under way.", { "": gauges.pendingOrders });
  family("bazaar_reads_pending", "gauge", "Reads under way.", { "": gauges.pendingReads });
  family("bazaar_replicas_connected", "gauge", "Order replicas connected.", { "": gauges.connectedReplicas });
  family("bazaar_catalogs_connected", "gauge", "Catalogs connected.", { "": gauges.connectedCatalogs });
  family("bazaar_leader_term", "gauge", "Term of the known leader, 0 without one.", {
    "": gauges.leaderTerm,
  });
  family("process_resident_memory_bytes", "gauge", "Resident memory.", { "": gauges.residentBytes });
  family("process_cpu_seconds_total", "counter", "User and system CPU time.", { "": gauges.cpuSeconds });
  return `${lines.join("\n")}\n`;
}
