import { type BenchResult, type RunOptions, result } from "../suite.ts";
import { type FuzzReport, runFuzz } from "./fuzz.ts";
import type { WayOptions } from "./path.ts";

const PACKETS = 10_000_000;
const SEEDS_COUNT = 1_000_000;
const SAY_MS = 30_000;
/** Several of each, as each waits for its machine most of the time. */
export const FUZZ_LANES = ["tcp", "websocket", "link", "tcp", "websocket", "link"] as const;

/** Ten million packets that no gdb would send, through the whole link to real machines: takes an hour. */
export async function measureFuzz(
  { place, context }: WayOptions,
  say: (line: string) => void,
  options: RunOptions,
): Promise<BenchResult[]> {
  const seed = options.seed ?? Date.now() % SEEDS_COUNT;
  const budget = { left: options.count ?? PACKETS };
  const proxy = () => place.temporary.box.supervisor.report().find(({ name }) => name === "gdb-proxy")?.pid;
  const before = proxy();
  say(`seed ${seed}, ${budget.left} packets over ${FUZZ_LANES.join(", ")}`);
  const saying = setInterval(() => say(`${budget.left} packets left; the proxy is process ${proxy()}`), SAY_MS);
  let reports: readonly FuzzReport[];
  try {
    reports = await Promise.all(
      FUZZ_LANES.map((way, student) =>
        runFuzz({ place, student, way, budget, seed: seed + 10 * student, signal: context.signal, alarm: say }),
      ),
    );
  } finally {
    clearInterval(saying);
  }
  const how = `seed ${seed}; ${reports.map((report) => JSON.stringify(report)).join("; ")}`;
  const sum = (of: (report: FuzzReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const none = (name: string, value: number) => result("link", { name, value, unit: "", how, target: { atMost: 0 } });
  return [
    result("link", { name: "fuzzed packets", value: sum(({ packets }) => packets), unit: "", how }),
    result("link", { name: "messages of a near agent", value: sum(({ messages }) => messages), unit: "", how }),
    none(
      "machines that fell",
      sum(({ fallen }) => fallen.length),
    ),
    none("proxies that fell", proxy() === before ? 0 : 1),
    none(
      "sessions that took no connection any more",
      sum(({ unserved }) => unserved),
    ),
    none(
      "connections that hung",
      sum(({ hangs }) => hangs),
    ),
    none(
      "messages of the cell that are none",
      sum(({ faults }) => faults),
    ),
  ];
}
