import { LOAD_MACHINES_MAX } from "./limits.ts";
import { type Weight, weigh } from "./machine-weights.ts";

/** A machine as far as it is measured. */
export interface Measurable {
  readonly name: string;
  readonly pid: number | null;
  readonly group: { cpuSeconds(): Promise<number> };
}

interface Sample {
  readonly weight: Weight;
  readonly cpuSeconds: number;
  readonly atMs: number;
  readonly cores: number;
}

/**
 * Memory and CPU of all machines, the pool's included. Weighing a process takes the kernel some time, so each round
 * looks at LOAD_MACHINES_MAX machines, the next ones in turn; the figures are sums of the latest samples.
 */
export class LoadMeter {
  readonly #machines: () => readonly Measurable[];
  #samples = new Map<string, Sample>();
  #next = 0;

  constructor(machines: () => readonly Measurable[]) {
    this.#machines = machines;
  }

  get memory(): Weight {
    const weights = [...this.#samples.values()].map(({ weight }) => weight);
    return {
      privateBytes: weights.reduce((sum, { privateBytes }) => sum + privateBytes, 0),
      sharedBytes: weights.reduce((sum, { sharedBytes }) => sum + sharedBytes, 0),
    };
  }

  /** 2 means two cores busy. */
  get cpuCores(): number {
    return [...this.#samples.values()].reduce((sum, { cores }) => sum + cores, 0);
  }

  async sample(): Promise<void> {
    const all = this.#machines();
    const names = new Set(all.map(({ name }) => name));
    this.#samples = new Map([...this.#samples].filter(([name]) => names.has(name)));
    if (this.#next >= all.length) this.#next = 0;
    const chosen = all.slice(this.#next, this.#next + LOAD_MACHINES_MAX);
    this.#next += chosen.length;
    for (const machine of chosen) await this.#sampleOne(machine);
  }

  async #sampleOne({ name, pid, group }: Measurable): Promise<void> {
    if (pid === null) return;
    const before = this.#samples.get(name);
    const [weight, cpuSeconds] = await Promise.all([weigh(pid), group.cpuSeconds().catch(() => 0)]);
    const atMs = performance.now();
    const used = before === undefined ? 0 : cpuSeconds - before.cpuSeconds;
    const cores = before === undefined ? 0 : Math.max(0, (1_000 * used) / (atMs - before.atMs));
    this.#samples.set(name, { weight, cpuSeconds, atMs, cores });
  }
}
