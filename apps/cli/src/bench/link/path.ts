import type { Context } from "../../context.ts";
import { TCP_SETTINGS } from "../../editors/gdbinit.ts";
import { childEnvironment } from "../../environment.ts";
import { BENCH_STEP_MS } from "../../limits.ts";
import { ConsoleClient } from "../../near/console-client.ts";
import { startNearAgent } from "../../processes/near-agent.ts";
import { type Place, readySession } from "../place.ts";
import { ApiFront } from "./api-front.ts";
import { DelayLine, type DelayLineOptions } from "./delay-line.ts";
import type { BenchConsole, DirectMachines } from "./direct-machine.ts";
import { RspMeter, type TurnMeter, WebSocketMeter } from "./turn-meter.ts";

/** How gdb reaches a stub: straight; through the cell's plain TCP port; through the near agent. */
export const PATHS = ["plain", "tcp", "agent"] as const;
export type Path = (typeof PATHS)[number];

/** An open way from a gdb of this machine to a fresh machine, over a line of some length. */
export interface Way extends AsyncDisposable {
  /** For `target remote`. */
  readonly address: string;
  readonly console: BenchConsole;
  readonly meter: TurnMeter;
  /** What is spoken over the line. */
  readonly spoken: () => string;
}

export interface WayOptions {
  readonly context: Context;
  readonly place: Place;
  readonly direct: DirectMachines;
  /** Which of the place's students. */
  readonly student?: number;
}

/** What gdb is told first on each path: what Ringside serves as .gdbinit to those who come over TCP. */
export const SETTINGS: Readonly<Record<Path, readonly string[]>> = {
  plain: [],
  tcp: TCP_SETTINGS,
  agent: [],
};

/**
 * Opens a way to a machine of its own: all of them clones of one template, with the same parameters.
 * @param rttMs a round trip on the line; null: no line in between, nothing is counted
 */
export async function openWay(path: Path, rttMs: number | null, options: WayOptions): Promise<Way> {
  await using stack = new AsyncDisposableStack();
  const { place, direct } = options;
  const student = place.students[options.student ?? 0];
  if (student === undefined) throw new Error("the bench needs a student");
  const session = await readySession(student.api);
  stack.defer(async () => {
    await student.api.stopSession(session.id);
  });
  const delayMs = (rttMs ?? 0) / 2;
  const meter = path === "agent" ? new WebSocketMeter() : new RspMeter();
  /** Puts the line in, if there is to be one. */
  const over = async (address: string, target: DelayLineOptions["target"]): Promise<string> =>
    rttMs === null ? address : at(stack.use(await DelayLine.open({ target, delayMs, meter })));
  const spoken = () => "gdb's protocol";
  switch (path) {
    case "plain": {
      const { stubPath, console } = stack.use(await direct.start(session.parameters));
      return way(stack, { address: await over(stubPath, () => ({ path: stubPath })), console, meter, spoken });
    }
    case "tcp": {
      const console = await settledConsole(stack, options, student.api, session.id);
      const entry = await student.api.tcpEntry(session.id);
      return way(stack, { address: await over(`${entry.host}:${entry.port}`, () => entry), console, meter, spoken });
    }
    case "agent": {
      const console = await settledConsole(stack, options, student.api, session.id);
      const url = rttMs === null ? place.temporary.box.url : await frontOf(stack, options, delayMs, meter);
      const agent = stack.use(await agentOf(options, url, student.token, session.id));
      const saidAtUpgrade = () =>
        meter instanceof WebSocketMeter ? /^sec-websocket-protocol: *(\S+)/im.exec(meter.answer)?.[1] : undefined;
      const spoken = () => saidAtUpgrade() ?? "raw bytes";
      return way(stack, { address: agent.address, console, meter, spoken });
    }
    default:
      return path satisfies never;
  }
}

const at = (line: DelayLine): string => `127.0.0.1:${line.port}`;

function way(stack: AsyncDisposableStack, parts: Omit<Way, keyof AsyncDisposable>): Way {
  const kept = stack.move();
  return { ...parts, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** An api that leads a near agent over a line; its address. */
async function frontOf(
  stack: AsyncDisposableStack,
  { place }: WayOptions,
  delayMs: number,
  meter: TurnMeter,
): Promise<string> {
  const line: DelayLine = stack.use(await DelayLine.open({ target: () => front.cell, delayMs, meter }));
  const front = stack.use(await ApiFront.open(place.temporary.box.url, () => line.port));
  return front.url;
}

function agentOf({ context }: WayOptions, url: string, token: string, session: string) {
  const env = childEnvironment(context.environment);
  return startNearAgent({ repoRoot: context.repoRoot, env, url, token, session, timeoutMs: BENCH_STEP_MS });
}

async function settledConsole(
  stack: AsyncDisposableStack,
  { context }: WayOptions,
  api: Parameters<typeof ConsoleClient.open>[0],
  session: string,
): Promise<BenchConsole> {
  const console = stack.use(await ConsoleClient.open(api, session, context.signal));
  await console.settle();
  return console;
}
