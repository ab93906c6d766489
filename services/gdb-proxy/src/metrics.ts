import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

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

  /** @param sessions how many sessions are served, asked at each scrape */
  constructor(sessions: () => number) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: "ringside_proxy_sessions",
      help: "Sessions whose trace is open",
      registers: [this.registry],
      collect() {
        this.set(sessions());
      },
    });
  }
}
