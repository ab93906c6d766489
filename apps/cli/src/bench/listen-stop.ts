import type { Api } from "../api/calls.ts";
import { ConsoleClient } from "../near/console-client.ts";
import type { Place } from "./place.ts";
import { StubClient } from "./stub-client.ts";

/** What a student does first, as a script: attach, break in listen, continue, type `replyhi`, stop. Then it lets go. */
export async function stopInListen(place: Place, api: Api, session: string, signal: AbortSignal): Promise<void> {
  const [entry, console] = await Promise.all([api.tcpEntry(session), ConsoleClient.open(api, session, signal)]);
  await using _console = console;
  using stub = await StubClient.connect({ host: entry.host, port: entry.port });
  await insertBreakpoint(stub, place.listenAddress);
  const stopped = stub.ask("c");
  console.send("replyhi\n");
  needBreakpointStop(await stopped);
}

/** @throws Error where the stub refuses it */
export async function insertBreakpoint(stub: StubClient, address: string): Promise<void> {
  const answer = await stub.ask(`Z0,${address},1`);
  if (answer !== "OK") throw new Error(`the breakpoint was answered ${answer}`);
}

/** @throws Error where the reply is no stop at a breakpoint */
export function needBreakpointStop(reply: string): void {
  if (!reply.startsWith("T05")) throw new Error(`expected a stop at the breakpoint, got ${reply}`);
}
