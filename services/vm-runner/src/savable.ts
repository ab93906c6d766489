import { RingsideError } from "@ringside/shared";
import type { HostedMachine } from "./hosted-machine.ts";
import type { StartedMachine } from "./started-machine.ts";

/**
 * The machine, if it can be saved now.
 * @throws RingsideError `session_not_ready` where it does not run, `conflict` where it is another one or recorded
 */
export function savable(
  hosted: HostedMachine | undefined,
  epoch: number,
): { readonly hosted: HostedMachine; readonly started: StartedMachine } {
  const started = hosted?.running ?? null;
  if (hosted === undefined || started === null) throw new RingsideError("session_not_ready");
  if (hosted.job.epoch !== epoch) {
    throw new RingsideError("conflict", { message: "The machine was reset in the meantime: this one is another" });
  }
  if (started.recordingLog() !== null) {
    const message = "This lab's machines are recorded for a replay: they cannot be saved, hibernated or forked";
    throw new RingsideError("conflict", { message });
  }
  return { hosted, started };
}
