import { type BenchResult, result } from "../suite.ts";
import { runFuzz } from "./fuzz.ts";
import type { WayOptions } from "./path.ts";

const PACKETS = 10_000_000;
export const FUZZ_LANES = ["tcp", "websocket", "tcp"] as const;

/** Ten million packets that no gdb would send, through the whole link to real machines: takes an hour. */
export async function measureFuzz({ place, context }: WayOptions): Promise<BenchResult[]> {
  const seed = Date.now() % 1_000_000;
  const packets = Math.ceil(PACKETS / FUZZ_LANES.length);
  const reports = await Promise.all(
    FUZZ_LANES.map((way, student) =>
      runFuzz({ place, student, way, packets, seed: seed + student, signal: context.signal }),
    ),
  );
  const aborts = reports.map(({ ended }) => (ended.machine_crashed ?? 0) + (ended.machine_unresponsive ?? 0));
  const how = `seed ${seed}; ${reports.map((report, n) => `${FUZZ_LANES[n]} ${JSON.stringify(report)}`).join("; ")}`;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return [
    result("link", { name: "fuzzed packets", value: sum(reports.map((one) => one.packets)), unit: "", how }),
    result("link", { name: "machines that fell", value: sum(aborts), unit: "", how, target: { atMost: 0 } }),
    result("link", {
      name: "connections that hung",
      value: sum(reports.map(({ hangs }) => hangs)),
      unit: "",
      how,
      target: { atMost: 0 },
    }),
  ];
}
