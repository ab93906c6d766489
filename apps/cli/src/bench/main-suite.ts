import { startTemporaryBox } from "../box/temporary-box.ts";
import { CliError } from "../exit-codes.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { measureFirstStop } from "./first-stop.ts";
import { measureIdleMemory } from "./idle-memory.ts";
import { preparePlace } from "./place.ts";
import { measureStepping } from "./stepping.ts";
import type { Suite } from "./suite.ts";

const STUDENTS = 4;
const COLD_TO_SESSION_MIN = 3;

/** What Ringside promises over doing it by hand: quicker starts, less memory, stepping that is fast enough. */
export const mainSuite: Suite = {
  name: "main",
  summary: "start, memory and stepping, against QEMU by hand",
  run: async (context, say) => {
    const [image] = await ensureEverything(context);
    if (!image) throw new CliError("failed", "There is no image to boot");
    await using temporary = await startTemporaryBox(context, {
      slots: STUDENTS + 1,
      warmImages: [image.manifest.name],
      signal: context.signal,
      onEvent: () => undefined,
    });
    const place = await preparePlace(temporary, image, STUDENTS, context.signal);
    say("first stop …");
    const firstStop = await measureFirstStop(
      place,
      { suite: "main", ratio: { atLeast: COLD_TO_SESSION_MIN } },
      context.signal,
    );
    say("idle memory …");
    const memory = await measureIdleMemory(place);
    say("stepping …");
    return [...firstStop, ...memory, ...(await measureStepping(context, place))];
  },
};
