import { TraceWriter } from "../writer.ts";
import { testHeader } from "./trace-builder.ts";

/** Appends events for ever and says on stdout how many it was told are kept: a process for tests to kill. */
const [directory = ""] = process.argv.slice(2);
const writer = await TraceWriter.open({
  directory,
  header: testHeader(),
  wall: () => new Date(),
  monotonicMs: () => performance.now(),
  segmentBytesMax: 20_000,
});
for (let round = 0; ; round += 1) {
  const event = writer.append({ type: "console.output", data: `round ${round} `.repeat(1 + (round % 50)) });
  process.stdout.write(`${event.seq}\n`);
  if (round % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
}
