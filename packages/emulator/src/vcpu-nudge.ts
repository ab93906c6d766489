import { RingsideError } from "@ringside/shared";
import { NUDGE_TIMEOUT_MS } from "./limits.ts";
import type { QmpClient } from "./qmp-client.ts";

/** A trace event of the processor that never happens while a guest runs. */
const EVENT = "guest_cpu_reset";

/**
 * Wakes the processor of a recorded machine. What is typed at an idle guest under `rr=record` waits in QEMU until the
 * processor wakes of itself, at the guest's next timer: up to a second. Switching a trace event that belongs to the
 * processor has QEMU run an empty errand on it, and it takes what waits with it. QEMU 7.2 has such events, 8 not.
 */
export class VcpuNudge {
  readonly #qmp: QmpClient;
  #enabled = false;
  #state: "takes it" | "refuses" = "takes it";

  constructor(qmp: QmpClient) {
    this.#qmp = qmp;
  }

  /**
   * Nudges once; where QEMU has refused before, it is not asked again.
   * @returns whether QEMU takes it
   * @throws RingsideError `machine_unresponsive`, `machine_gone`
   */
  async nudge(): Promise<"nudged" | "refused"> {
    if (this.#state === "refuses") return "refused";
    this.#enabled = !this.#enabled;
    try {
      const event = { name: EVENT, enable: this.#enabled };
      await this.#qmp.execute("trace-event-set-state", event, { timeoutMs: NUDGE_TIMEOUT_MS });
      return "nudged";
    } catch (error) {
      if (!(error instanceof RingsideError) || error.code !== "internal") throw error;
      this.#state = "refuses";
      return "refused";
    }
  }
}
