import { machineLimits, type PrewarmedMachine, prewarm, type Template } from "@ringside/emulator";
import { POOL_CPU_PERCENT } from "./limits.ts";
import type { OwnPlace, Places } from "./places.ts";
import type { Pooled, PoolKind } from "./pool.ts";

/** An emulator that is up and has nothing loaded, in its own place. */
export interface WarmMachine extends Pooled {
  readonly place: OwnPlace;
  readonly prewarmed: PrewarmedMachine;
}

/** Machines for clones of one template. A recorded one is another kind of process. */
export function warmKind(places: Places, template: Template, recording: boolean): PoolKind<WarmMachine> {
  return {
    key: warmKey(template.contents, recording),
    async make(signal) {
      const place = await places.make(machineLimits(template.memoryMib, POOL_CPU_PERCENT));
      try {
        const prewarmed = await prewarm({ place, template, recording, signal });
        const { machine } = prewarmed;
        place.pid = await machine.process.pid(signal);
        const end = async (): Promise<void> => {
          await prewarmed[Symbol.asyncDispose]();
          await place.remove();
        };
        return { place, prewarmed, end, gone: machine.ended };
      } catch (error) {
        await place.remove();
        throw error;
      }
    },
  };
}

export const warmKey = (contents: string, recording: boolean): string => `${contents}${recording ? "+record" : ""}`;
