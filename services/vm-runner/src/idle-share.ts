import { cpus } from "node:os";

/** What this host's processors have done together since it is up, in ms. */
export interface HostTimes {
  readonly idle: number;
  readonly all: number;
}

export function hostTimes(): HostTimes {
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all };
}

/** Tells which share of this host's processors was idle (0 to 1) since it was last asked; 1 at first. */
export function idleShare(now: () => HostTimes = hostTimes): () => number {
  let last = now();
  return () => {
    const next = now();
    const [idle, all] = [next.idle - last.idle, next.all - last.all];
    if (all <= 0) return 1;
    last = next;
    return idle / all;
  };
}
