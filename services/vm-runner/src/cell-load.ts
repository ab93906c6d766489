import type { MachineGroups } from "@ringside/emulator";
import type { CellLoad } from "@ringside/shared";
import type { LoadMeter } from "./load-meter.ts";
import type { MachineHost } from "./machine-host.ts";
import type { Metrics } from "./metrics.ts";
import type { SavedStates } from "./saved-states.ts";

export interface CellLoadSources {
  readonly host: MachineHost;
  readonly pool: { readonly ready: number; readonly target: number };
  readonly states: SavedStates;
  readonly meter: LoadMeter;
  readonly metrics: Metrics;
  readonly groups: MachineGroups;
}

/** What this cell's machines weigh and do now. */
export function cellLoad({ host, pool, states, meter, metrics, groups }: CellLoadSources): CellLoad {
  const { asleep } = states;
  return {
    starting: host.countIn("starting"),
    running: host.countIn("running"),
    ending: host.countIn("ending"),
    pool: { ready: pool.ready, target: pool.target },
    hibernated: { sessions: asleep.length, bytes: asleep.reduce((sum, { bytes }) => sum + bytes, 0) },
    starts: { ...metrics.starts },
    memory: meter.memory,
    cpuCores: meter.cpuCores,
    limitedBy: groups.kind,
  };
}
