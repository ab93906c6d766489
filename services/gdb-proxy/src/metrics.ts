import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What /metrics shows beside the process's own figures. */
export class Metrics {
  readonly registry = new Registry();
  readonly connections = new Counter({
    name: "ringside_proxy_connections_total",
    help: "Connections given to a session, by kind and carrier",
    labelNames: ["kind", "via"] as const,
    registers: [this.registry],
  });
  readonly refused = new Counter({
    name: "ringside_proxy_refused_total",
    help: "Connections and requests refused, by code",
    labelNames: ["code"] as const,
    registers: [this.registry],
  });

  /** Its count is the number of wakes. */
  readonly wakes = new Histogram({
    name: "ringside_proxy_wake_seconds",
    help: "From a sleeping machine being wanted to its being served again",
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
    registers: [this.registry],
  });

  /** @param sessions how many sessions are served, and how many of them sleep, asked at each scrape */
  constructor(sessions: { readonly size: number; readonly asleep: number }) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: "ringside_proxy_sessions",
      help: "Sessions whose trace is open",
      registers: [this.registry],
      collect() {
        this.set(sessions.size);
      },
    });
    new Gauge({
      name: "ringside_proxy_sessions_asleep",
      help: "Sessions that are served here and whose machine is hibernated",
      registers: [this.registry],
      collect() {
        this.set(sessions.asleep);
      },
    });
  }
}
