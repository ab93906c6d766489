import { ConsoleClient } from "../near/console-client.ts";
import { insertBreakpoint, needBreakpointStop } from "./listen-stop.ts";
import { type Place, readySession, symbolAddress } from "./place.ts";
import { StubClient } from "./stub-client.ts";
import { type BenchResult, median, result, spread } from "./suite.ts";

const ROUNDS = 40;
const BUSY_GUESTS = 2;
const SLOWER_MAX = 2;
/** MenuOS's `version` calls uname. */
const COMMAND = "version\n";
const FUNCTION = "__x64_sys_newuname";
const SHELL_MS = 10_000;

/** How long a student waits from a typed command to their breakpoint, alone and beside guests in endless loops. */
export async function measureBusyGuests(place: Place, signal: AbortSignal): Promise<BenchResult[]> {
  const [student, ...others] = place.students.slice(0, 1 + BUSY_GUESTS);
  if (!student) return [];
  const address = await symbolAddress(place.image, FUNCTION);
  const session = await readySession(student.api);
  const entry = await student.api.tcpEntry(session.id);
  await using console = await ConsoleClient.open(student.api, session.id, signal);
  using stub = await StubClient.connect({ host: entry.host, port: entry.port });
  await insertBreakpoint(stub, address);
  const alone = await stops(stub, console);
  const busy = await Promise.all(others.map(({ api }) => loop(api, signal)));
  const beside = await stops(stub, console);
  await Promise.all(busy.map(({ end }) => end()));
  await student.api.stopSession(session.id);
  const how =
    `${ROUNDS} times: typed command to stop at ${FUNCTION}; alone: ${spread(alone, 1)} ms; ` +
    `beside ${busy.length} guests in endless loops: ${spread(beside, 1)} ms`;
  return [
    result("engine", { name: "breakpoint stop, alone", value: median(alone), unit: "ms", how }),
    result("engine", { name: "breakpoint stop beside two busy guests", value: median(beside), unit: "ms", how }),
    result("engine", {
      name: "stop: beside busy guests / alone",
      value: median(beside) / median(alone),
      unit: "x",
      target: { atMost: SLOWER_MAX },
      how,
    }),
  ];
}

async function stops(stub: StubClient, console: ConsoleClient): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const stopped = stub.ask("c");
    const typedAt = performance.now();
    console.send(COMMAND);
    needBreakpointStop(await stopped);
    times.push(performance.now() - typedAt);
  }
  return times;
}

async function loop(api: Place["students"][number]["api"], signal: AbortSignal): Promise<{ end: () => Promise<void> }> {
  const session = await readySession(api);
  const console = await ConsoleClient.open(api, session.id, signal);
  await console.settle();
  console.send("shell\n");
  await console.expect("# ", SHELL_MS);
  console.send("while :; do :; done\n");
  return {
    end: async () => {
      await console[Symbol.asyncDispose]();
      await api.stopSession(session.id);
    },
  };
}
