import type { CellLoad, StartHow } from "@ringside/shared";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Seconds: the pool's machines take milliseconds, clones some hundredths, cold boots some seconds. */
const START_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

/** What is read at the moment of asking. */
export interface MetricSources {
  readonly load: () => CellLoad;
  readonly slots: () => { readonly total: number; readonly free: number };
  readonly reportsWaiting: () => number;
}

/** The runner's figures, in the Prometheus text format. */
export class Metrics {
  readonly registry = new Registry();
  /** Starts so far, by way. */
  readonly starts: Record<StartHow, number> = { pool: 0, clone: 0, cold: 0 };
  readonly #startSeconds: Histogram<"how">;
  readonly ends: Counter<"how">;
  readonly reaped: Counter<"what">;

  constructor() {
    const registers = [this.registry];
    this.#startSeconds = new Histogram({
      ...{ name: "ringside_machine_start_seconds", help: "From the job to the machine's ready report", registers },
      ...{ labelNames: ["how"] as const, buckets: START_BUCKETS },
    });
    this.ends = new Counter({
      ...{ name: "ringside_machine_ends_total", help: "Machines that are gone, by order or failure", registers },
      labelNames: ["how"] as const,
    });
    this.reaped = new Counter({
      ...{ name: "ringside_reaped_total", help: "Folders, processes and groups that nobody owned", registers },
      labelNames: ["what"] as const,
    });
  }

  /** A machine is ready. */
  started(how: StartHow, seconds: number): void {
    this.starts[how] += 1;
    this.#startSeconds.observe({ how }, seconds);
  }

  /** Adds the gauges, once what they read is there. */
  observe({ load, slots, reportsWaiting }: MetricSources): void {
    this.#gauge("ringside_machines", "Machines on this host, by state", "state", () => {
      const { starting, running, ending } = load();
      return { starting, running, ending };
    });
    this.#gauge("ringside_pool_machines", "Prewarmed machines: there, and wanted", "kind", () => ({ ...load().pool }));
    this.#gauge("ringside_hibernated", "Sessions that sleep here, and their bytes on disk", "kind", () => ({
      ...load().hibernated,
    }));
    this.#gauge("ringside_machine_memory_bytes", "Machines' memory: their own, and what they share", "kind", () => {
      const { privateBytes, sharedBytes } = load().memory;
      return { private: privateBytes, shared: sharedBytes };
    });
    this.#gauge("ringside_limits", "1 for the way in which machines are held back", "by", () => ({
      ...{ cgroup1: 0, cgroup2: 0, nice: 0 },
      [load().limitedBy]: 1,
    }));
    this.#gauge("ringside_slots", "Room for machines on this host", "kind", () => {
      const { total, free } = slots();
      return { total, free };
    });
    const registers = [this.registry];
    new Gauge({
      ...{ name: "ringside_machine_cpu_cores", help: "Cores that machines use", registers },
      collect() {
        this.set(load().cpuCores);
      },
    });
    new Gauge({
      ...{ name: "ringside_reports_waiting", help: "Reports that Redis has not taken yet", registers },
      collect() {
        this.set(reportsWaiting());
      },
    });
  }

  #gauge(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    new Gauge({
      ...{ name, help, registers: [this.registry], labelNames: [label] },
      collect() {
        for (const [value, number] of Object.entries(read())) this.set({ [label]: value }, number);
      },
    });
  }
}
