import type { Image } from "@ringside/image";
import { startTemporaryBox } from "../box/temporary-box.ts";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { DirectMachines } from "./link/direct-machine.ts";
import { CLASS, measureClass } from "./link/measure-class.ts";
import { FUZZ_LANES, measureFuzz } from "./link/measure-fuzz.ts";
import { measureRates } from "./link/measure-rates.ts";
import { measureSession } from "./link/measure-session.ts";
import { measureSymbols } from "./link/measure-symbols.ts";
import type { WayOptions } from "./link/path.ts";
import { preparePlace } from "./place.ts";
import type { BenchResult, RunOptions, Suite } from "./suite.ts";

interface Part {
  readonly name: string;
  readonly students: number;
  /** Left out unless it is asked for. */
  readonly long?: boolean;
  readonly measure: (options: WayOptions, say: (line: string) => void, run: RunOptions) => Promise<BenchResult[]>;
}

/** Each part has a box of its own, so that none inherits another's load. */
const PARTS: readonly Part[] = [
  { name: "session", students: 1, measure: (options, say) => measureSession(options, say) },
  { name: "rates", students: 1, measure: measureRates },
  { name: "attach with symbols", students: 1, measure: measureSymbols },
  { name: "a class stepping", students: CLASS, measure: measureClass },
  { name: "fuzz", students: FUZZ_LANES.length, long: true, measure: measureFuzz },
  { name: "session at 0 ms", students: 1, long: true, measure: (options, say) => measureSession(options, say, [0]) },
];

/** What the debug link promises: round trips and time over a long line, and the same text from gdb on every path. */
export const linkSuite: Suite = {
  name: "link",
  summary: "gdb over a long line: round trips, time, the same text, rates",
  parts: PARTS.filter(({ long }) => !long).map(({ name }) => name),
  longParts: PARTS.filter(({ long }) => long).map(({ name }) => name),
  run: async (context, say, options) => {
    const only = options.part;
    const [image] = await ensureEverything(context);
    if (!image) throw new CliError("failed", "There is no image to boot");
    const results: BenchResult[] = [];
    for (const part of PARTS.filter(({ name, long }) => (only === undefined ? !long : name === only))) {
      say(`${part.name} …`);
      results.push(...(await runPart(context, image, part, { say, options })));
    }
    return results;
  },
};

async function runPart(
  context: Context,
  image: Image,
  part: Part,
  { say, options }: { readonly say: (line: string) => void; readonly options: RunOptions },
) {
  await using temporary = await startTemporaryBox(context, {
    slots: part.students + 1,
    warmImages: [image.manifest.name],
    signal: context.signal,
    onEvent: () => undefined,
  });
  const place = await preparePlace(temporary, image, part.students, context.signal);
  await using direct = await DirectMachines.open(context, image);
  return await part.measure({ context, place, direct }, say, options);
}
