import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Seconds: clones take some hundredths, cold boots some seconds. */
const START_BUCKETS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

/** What is read at the moment of asking. */
export interface MetricSources {
  readonly machinesIn: (state: "starting" | "running" | "ending") => number;
  readonly slots: () => { readonly total: number; readonly free: number };
  readonly reportsWaiting: () => number;
}

/** The runner's figures, in the Prometheus text format. */
export class Metrics {
  readonly registry = new Registry();
  readonly startSeconds: Histogram<"how">;
  readonly ends: Counter<"how">;
  readonly reaped: Counter<"what">;

  constructor() {
    const registers = [this.registry];
    this.startSeconds = new Histogram({
      ...{ name: "ringside_machine_start_seconds", help: "From the job to the machine's ready report", registers },
      ...{ labelNames: ["how"] as const, buckets: START_BUCKETS },
    });
    this.ends = new Counter({
      ...{ name: "ringside_machine_ends_total", help: "Machines that are gone, by order or failure", registers },
      labelNames: ["how"] as const,
    });
    this.reaped = new Counter({
      ...{ name: "ringside_reaped_total", help: "Folders and processes that nobody owned", registers },
      labelNames: ["what"] as const,
    });
  }

  /** Adds the gauges, once what they read is there. */
  observe(sources: MetricSources): void {
    const registers = [this.registry];
    new Gauge({
      ...{ name: "ringside_machines", help: "Machines on this host, by state", registers, labelNames: ["state"] },
      collect() {
        for (const state of ["starting", "running", "ending"] as const) this.set({ state }, sources.machinesIn(state));
      },
    });
    new Gauge({
      ...{ name: "ringside_slots", help: "Room for machines on this host", registers, labelNames: ["kind"] },
      collect() {
        const { total, free } = sources.slots();
        this.set({ kind: "total" }, total);
        this.set({ kind: "free" }, free);
      },
    });
    new Gauge({
      ...{ name: "ringside_reports_waiting", help: "Reports that Redis has not taken yet", registers },
      collect() {
        this.set(sources.reportsWaiting());
      },
    });
  }
}
