import { stat } from "node:fs/promises";
import { RECORDING_BYTES_MAX } from "@ringside/shared";
import { RECORDING_MARGIN_BYTES } from "./limits.ts";
import type { MachineHost } from "./machine-host.ts";

/** Ends machines whose replay log is about to reach its limit: QEMU must not be cut off in the middle of it. */
export async function endFullRecordings(host: MachineHost): Promise<void> {
  for (const machine of host.present) {
    const log = machine.running?.recordingLog() ?? null;
    if (log === null) continue;
    const bytes = (await stat(log).catch(() => null))?.size ?? 0;
    if (bytes < RECORDING_BYTES_MAX - RECORDING_MARGIN_BYTES) continue;
    const detail = `the recording has ${bytes} bytes of at most ${RECORDING_BYTES_MAX}`;
    void machine.end({ kind: "failed", failure: { reason: "trace_full", detail } }).catch(() => undefined);
  }
}
