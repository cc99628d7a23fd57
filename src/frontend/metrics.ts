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
  /** Requests that were malformed, unauthorized, too large and the like. */
  rejected: number;
}

export function createMetrics(): Metrics {
  return {
    orders: { placed: 0, refused: 0, replayed: 0, unavailable: 0, unknown: 0 },
    reads: { answered: 0, unavailable: 0 },
    rejected: 0,
  };
}

/** Values that are read when the page is asked for. */
export interface Gauges {
  readonly pendingOrders: number;
  readonly pendingReads: number;
  readonly resends: number;
  readonly connectedReplicas: number;
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
  family("bazaar_rejected_total", "counter", "Requests refused at the edge.", { "": metrics.rejected });
  family("bazaar_orders_resent_total", "counter", "Submissions sent again under the same id.", {
    "": gauges.resends,
  });
  family("bazaar_orders_pending", "gauge", "Orders under way.", { "": gauges.pendingOrders });
  family("bazaar_reads_pending", "gauge", "Reads under way.", { "": gauges.pendingReads });
  family("bazaar_replicas_connected", "gauge", "Order replicas connected.", { "": gauges.connectedReplicas });
  family("bazaar_leader_term", "gauge", "Term of the known leader, 0 without one.", {
    "": gauges.leaderTerm,
  });
  family("process_resident_memory_bytes", "gauge", "Resident memory.", { "": gauges.residentBytes });
  family("process_cpu_seconds_total", "counter", "User and system CPU time.", { "": gauges.cpuSeconds });
  return `${lines.join("\n")}\n`;
}
