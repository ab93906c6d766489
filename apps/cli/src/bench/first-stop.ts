import { startQemuByHand } from "../processes/qemu-by-hand.ts";
import { insertBreakpoint, needBreakpointStop, stopInListen } from "./listen-stop.ts";
import { type Place, readySession } from "./place.ts";
import { StubClient } from "./stub-client.ts";
import { type BenchResult, median, result, spread, type Target } from "./suite.ts";

const ROUNDS = 15;

/** What a suite holds the figures against. */
export interface FirstStopTargets {
  readonly suite: string;
  readonly sessionMs?: Target;
  readonly ratio: Target;
}

/**
 * From wanting a machine to its first stop in listen: a session asked for over REST, against QEMU started by hand.
 * Both type `replyhi` once the prompt is there; the rounds alternate, so that a busy host slows both.
 */
export async function measureFirstStop(
  place: Place,
  { suite, sessionMs, ratio }: FirstStopTargets,
  signal: AbortSignal,
): Promise<BenchResult[]> {
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
    result(suite, {
      name: "session request to first stop",
      value: median(session),
      unit: "ms",
      ...(sessionMs && { target: sessionMs }),
      how,
    }),
    result(suite, { name: "QEMU cold boot by hand to the same stop", value: median(byHand), unit: "ms", how }),
    result(suite, {
      name: "first stop: cold boot / session",
      value: median(byHand) / median(session),
      unit: "x",
      target: ratio,
      how,
    }),
  ];
}

async function bySession(place: Place, { api }: Place["students"][number], signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const session = await readySession(api);
  await stopInListen(place, api, session.id, signal);
  const ms = performance.now() - startedAt;
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
  needBreakpointStop(await stopped);
  return performance.now() - startedAt;
}
