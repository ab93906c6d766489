import { setTimeout as sleep } from "node:timers/promises";
import { RingsideError } from "@ringside/shared";
import { z } from "zod";
import { MIGRATION_POLL_MS } from "./limits.ts";
import type { QmpClient } from "./qmp-client.ts";

const statusSchema = z.object({ status: z.string().optional(), "error-desc": z.string().optional() });

/** Leaves the guest's memory out of the saved state: it stays in its file. Must be the same when saving and loading. */
export async function leaveMemoryOut(qmp: QmpClient, signal: AbortSignal): Promise<void> {
  const capabilities = [{ capability: "x-ignore-shared", state: true }];
  await qmp.execute("migrate-set-capabilities", { capabilities }, { signal });
}

/**
 * Waits until QEMU has saved or loaded its state.
 * @throws RingsideError `internal` when it failed, `timeout` when it takes too long
 */
export async function migrationCompleted(qmp: QmpClient, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (performance.now() < end) {
    const found = statusSchema.parse(await qmp.execute("query-migrate", {}, { signal }));
    if (found.status === "completed") return;
    if (found.status === "failed" || found.status === "cancelled") {
      const message = `the machine's state was not transferred: ${found["error-desc"] ?? found.status}`;
      throw new RingsideError("internal", { message });
    }
    await sleep(MIGRATION_POLL_MS, undefined, { signal });
  }
  throw new RingsideError("timeout", { message: `the machine's state was not transferred in ${timeoutMs} ms` });
}
