import type { CellLoad, cellListSchema } from "@ringside/shared";
import type { z } from "zod";
import { table } from "./table.ts";

export type CellRow = z.infer<typeof cellListSchema>["cells"][number];

const HEADER = [
  ...["cell", "slots", "starting", "running", "ending", "pool", "hibernated", "private", "shared", "cores"],
  ...["starts: pool", "clone", "cold", "held by"],
];

/** What the machines of all cells do and weigh, a line each and one for all. */
export function cellsTable(cells: readonly CellRow[]): string {
  if (cells.length === 0) return "No cell has announced itself: is vm-runner running?";
  const rows = cells.map(cellRow);
  const runners = cells.flatMap(({ runner }) => (runner === null ? [] : [runner]));
  if (runners.length > 1) {
    const sum = (of: (runner: (typeof runners)[number]) => number) => runners.reduce((all, one) => all + of(one), 0);
    const slots = `${sum((one) => one.machines)}/${sum((one) => one.slots)}`;
    rows.push(["all", slots, ...loadCells(totalLoad(runners.map(({ load }) => load))), ""]);
  }
  return table(HEADER, rows);
}

function cellRow({ cell, proxy, runner }: CellRow): string[] {
  const name = proxy === null ? `${cell} (no gdb-proxy)` : cell;
  if (runner === null) return [name, "no vm-runner"];
  const { load, machines, slots } = runner;
  return [name, `${machines}/${slots}`, ...loadCells(load), HELD_BY[load.limitedBy]];
}

const HELD_BY = { cgroup1: "cgroup v1", cgroup2: "cgroup v2", nice: "nice only" } as const;

function loadCells(load: Omit<CellLoad, "limitedBy">): string[] {
  const { starting, running, ending, pool, hibernated, memory, cpuCores, starts } = load;
  return [
    ...[starting, running, ending].map(String),
    `${pool.ready}/${pool.target}`,
    hibernated.sessions === 0 ? "0" : `${hibernated.sessions} (${size(hibernated.bytes)})`,
    size(memory.privateBytes),
    size(memory.sharedBytes),
    cpuCores.toFixed(2),
    ...[starts.pool, starts.clone, starts.cold].map(String),
  ];
}

function totalLoad(loads: readonly CellLoad[]): Omit<CellLoad, "limitedBy"> {
  const sum = (of: (load: CellLoad) => number) => loads.reduce((all, load) => all + of(load), 0);
  return {
    starting: sum((load) => load.starting),
    running: sum((load) => load.running),
    ending: sum((load) => load.ending),
    pool: { ready: sum(({ pool }) => pool.ready), target: sum(({ pool }) => pool.target) },
    hibernated: {
      sessions: sum(({ hibernated }) => hibernated.sessions),
      bytes: sum(({ hibernated }) => hibernated.bytes),
    },
    starts: {
      pool: sum(({ starts }) => starts.pool),
      clone: sum(({ starts }) => starts.clone),
      cold: sum(({ starts }) => starts.cold),
    },
    memory: {
      privateBytes: sum(({ memory }) => memory.privateBytes),
      sharedBytes: sum(({ memory }) => memory.sharedBytes),
    },
    cpuCores: sum((load) => load.cpuCores),
  };
}

/** Bytes for people, in the largest unit that leaves a whole number before the point. */
function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"] as const;
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}
