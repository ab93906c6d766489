import { ConsoleClient } from "../near/console-client.ts";
import { startQemuByHand } from "../processes/qemu-by-hand.ts";
import type { Place } from "./place.ts";
import { readySession } from "./place.ts";
import { StubClient } from "./stub-client.ts";
import { type BenchResult, median, result, spread } from "./suite.ts";

const ROUNDS = 7;
const COLD_TO_SESSION_MIN = 3;

/**
 * From wanting a machine to its first stop in listen: a session asked for over REST, against QEMU started by hand.
 * Both type `replyhi` once the prompt is there; the rounds alternate, so that a busy host slows both.
 */
export async function measureFirstStop(place: Place, signal: AbortSignal): Promise<BenchResult[]> {
  const [student] = place.students;
  if (!student) return [];
  const session: number[] = [];
  const byHand: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    session.push(await bySession(place, student, signal));
    byHand.push(await coldBootByHand(place));
  }
  const how = `${ROUNDS} alternating rounds; session: ${spread(session)} ms; QEMU by hand: ${spread(byHand)} ms`;
  return [
    result("main", { name: "session request to first stop", value: median(session), unit: "ms", how }),
    result("main", { name: "QEMU cold boot by hand to the same stop", value: median(byHand), unit: "ms", how }),
    result("main", {
      name: "first stop: cold boot / session",
      value: median(byHand) / median(session),
      unit: "x",
      target: { atLeast: COLD_TO_SESSION_MIN },
      how,
    }),
  ];
}

async function bySession(place: Place, { api }: Place["students"][number], signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const session = await readySession(api);
  const [entry, console] = await Promise.all([api.tcpEntry(session.id), ConsoleClient.open(api, session.id, signal)]);
  await using _console = console;
  let ms: number;
  {
    using stub = await StubClient.connect({ host: entry.host, port: entry.port });
    await insertBreakpoint(stub, place.listenAddress);
    const stopped = stub.ask("c");
    console.send("replyhi\n");
    assertStop(await stopped);
    ms = performance.now() - startedAt;
  }
  await api.stopSession(session.id);
  return ms;
}

async function coldBootByHand(place: Place): Promise<number> {
  const startedAt = performance.now();
  await using qemu = await startQemuByHand(place.image);
  using stub = await StubClient.connect(qemu.stub);
  await insertBreakpoint(stub, place.listenAddress);
  const stopped = stub.ask("c");
  await qemu.shows(place.image.manifest.prompt);
  qemu.console.write("replyhi\n");
  assertStop(await stopped);
  return performance.now() - startedAt;
}

async function insertBreakpoint(stub: StubClient, address: string): Promise<void> {
  const answer = await stub.ask(`Z0,${address},1`);
  if (answer !== "OK") throw new Error(`the breakpoint was answered ${answer}`);
}

function assertStop(reply: string): void {
  if (!reply.startsWith("T05")) throw new Error(`expected a stop at the breakpoint, got ${reply}`);
}
