import type { Image } from "@ringside/image";
import { startTemporaryBox } from "../box/temporary-box.ts";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { BURST_SESSIONS, measureBurst } from "./burst.ts";
import { measureBusyGuests } from "./busy-guests.ts";
import { measureFirstStop } from "./first-stop.ts";
import { LIVE_SESSIONS, measureHibernation, SESSIONS } from "./hibernation.ts";
import { IDLE_CLONES, measureIdleClones } from "./idle-clones.ts";
import { LAB, type Place, poolFull, preparePlace } from "./place.ts";
import { measurePoolStart, POOL } from "./pool-start.ts";
import { measureRecording, RECORDED_LAB, recordedLabs, type TemporaryLabs } from "./recording.ts";
import type { BenchResult, Suite } from "./suite.ts";

const SESSION_MS_MAX = 120;
const COLD_TO_SESSION_MIN = 10;

interface Part {
  readonly name: string;
  readonly students: number;
  readonly slots: number;
  /** Prewarmed machines, all there before the part begins. */
  readonly pool: number;
  readonly labs?: (context: Context) => Promise<TemporaryLabs>;
  readonly measure: (place: Place, context: Context) => Promise<BenchResult[]>;
}

/** Each part has a box of its own, so that none inherits another's load. */
const PARTS: readonly Part[] = [
  {
    name: "starts from the pool",
    students: 1,
    slots: 4,
    pool: POOL,
    measure: (place, { signal }) => measurePoolStart(place, signal),
  },
  {
    name: "first stop",
    students: 1,
    slots: 4,
    pool: 4,
    measure: (place, { signal }) =>
      measureFirstStop(
        place,
        { suite: "engine", sessionMs: { atMost: SESSION_MS_MAX }, ratio: { atLeast: COLD_TO_SESSION_MIN } },
        signal,
      ),
  },
  {
    name: "a class at once",
    students: BURST_SESSIONS + 1,
    slots: BURST_SESSIONS,
    pool: BURST_SESSIONS,
    measure: (place, { signal }) => measureBurst(place, signal),
  },
  {
    name: "busy guests",
    students: 3,
    slots: 4,
    pool: 3,
    measure: (place, { signal }) => measureBusyGuests(place, signal),
  },
  { name: "idle clones", students: IDLE_CLONES, slots: IDLE_CLONES, pool: 2, measure: measureIdleClones },
  {
    name: "hibernation",
    students: SESSIONS,
    slots: LIVE_SESSIONS + 12,
    pool: 8,
    measure: (place, { signal }) => measureHibernation(place, signal),
  },
  { name: "recording", students: 2, slots: 4, pool: 2, labs: recordedLabs, measure: measureRecording },
];

/** What the engine promises: starts, a class at once, weight, sleep, fairness, recordings. */
export const engineSuite: Suite = {
  name: "engine",
  summary: "starts from the pool, a class at once, weight, hibernation, fairness, recording",
  parts: PARTS.map(({ name }) => name),
  run: async (context, say, { part: only }) => {
    const [image] = await ensureEverything(context);
    if (!image) throw new CliError("failed", "There is no image to boot");
    const results: BenchResult[] = [];
    for (const part of PARTS.filter(({ name }) => only === undefined || name === only)) {
      say(`${part.name} …`);
      results.push(...(await runPart(context, image, part)));
    }
    return results;
  },
};

async function runPart(context: Context, image: Image, part: Part): Promise<BenchResult[]> {
  const offered = part.labs === undefined ? [LAB] : [LAB, RECORDED_LAB];
  await using labs = await part.labs?.(context);
  await using temporary = await startTemporaryBox(context, {
    slots: part.slots,
    pool: { min: part.pool, max: part.pool },
    warmImages: [image.manifest.name],
    labs: labs?.folder,
    signal: context.signal,
    onEvent: () => undefined,
  });
  const place = await preparePlace(temporary, image, part.students, context.signal, offered);
  await poolFull(place, part.pool, context.signal);
  return await part.measure(place, context);
}
