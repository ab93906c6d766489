import type { Machine } from "./machine.ts";
import { type LoadOptions, type PrewarmOptions, prewarm } from "./prewarm.ts";

/**
 * Starts a machine from a template at once: memory mapped copy-on-write, device state and parameters loaded.
 * @throws what prewarm and load throw
 */
export async function cloneMachine(options: PrewarmOptions & LoadOptions): Promise<Machine> {
  return (await prewarm(options)).load(options);
}
