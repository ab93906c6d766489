import { imagePath } from "@ringside/image";
import type { Context } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { BENCH_STEP_MS } from "../limits.ts";
import { ConsoleClient } from "../near/console-client.ts";
import { attachArguments, startScriptedGdb } from "../processes/gdb.ts";
import { startNearAgent } from "../processes/near-agent.ts";
import { startQemuByHand } from "../processes/qemu-by-hand.ts";
import { settledWithin } from "../settled.ts";
import { type Place, readySession } from "./place.ts";
import { StubClient } from "./stub-client.ts";
import { type BenchResult, median, result, spread } from "./suite.ts";

const ROUNDS = 3;
const STEPS = 600;
const TCP_MIN = 0.5;
const WEBSOCKET_MIN = 0.35;

/** gdb's own loop, timed inside gdb: what a student's `stepi 600` feels like. */
const SCRIPT = [
  "import time",
  "start = time.monotonic()",
  `for _ in range(${STEPS}): gdb.execute("stepi", to_string=True)`,
  `print("RATE %.1f" % (${STEPS} / (time.monotonic() - start)))`,
].join("\\n");

/** Single steps per second of a real gdb: straight to QEMU's own TCP stub, through the proxy's TCP entry, through `ringside connect`. */
export async function measureStepping(context: Context, place: Place): Promise<BenchResult[]> {
  const rates = { direct: [] as number[], tcp: [] as number[], websocket: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    rates.direct.push(await direct(context, place));
    rates.tcp.push(await throughProxy(context, place, "tcp"));
    rates.websocket.push(await throughProxy(context, place, "websocket"));
  }
  const how =
    `real gdb, ${STEPS} stepi from __sys_listen, ${ROUNDS} alternating rounds; direct: ${spread(rates.direct)}; ` +
    `TCP: ${spread(rates.tcp)}; WebSocket: ${spread(rates.websocket)} steps/s`;
  const ratio = (name: string, values: readonly number[], atLeast: number) =>
    result("main", { name, value: median(values) / median(rates.direct), unit: "x", target: { atLeast }, how });
  return [
    result("main", { name: "stepi straight to the stub", value: median(rates.direct), unit: "steps/s", how }),
    result("main", { name: "stepi through the proxy, TCP", value: median(rates.tcp), unit: "steps/s", how }),
    result("main", { name: "stepi through connect, WebSocket", value: median(rates.websocket), unit: "steps/s", how }),
    ratio("stepping: TCP / direct", rates.tcp, TCP_MIN),
    ratio("stepping: WebSocket / direct", rates.websocket, WEBSOCKET_MIN),
  ];
}

async function direct(context: Context, place: Place): Promise<number> {
  await using qemu = await startQemuByHand(place.image);
  {
    using stub = await StubClient.connect(qemu.stub);
    await stub.ask("D");
  }
  await qemu.shows(place.image.manifest.prompt);
  return await stepRate(context, place, `${qemu.stub.host}:${qemu.stub.port}`, () => qemu.console.write("replyhi\n"));
}

async function throughProxy(context: Context, place: Place, way: "tcp" | "websocket"): Promise<number> {
  const [student] = place.students;
  if (!student) throw new Error("a bench needs a student");
  await using stack = new AsyncDisposableStack();
  const session = await readySession(student.api);
  stack.defer(async () => {
    await student.api.stopSession(session.id);
  });
  const console = stack.use(await ConsoleClient.open(student.api, session.id, context.signal));
  const address = await (async () => {
    if (way === "tcp") {
      const entry = await student.api.tcpEntry(session.id);
      return `${entry.host}:${entry.port}`;
    }
    const agent = await startNearAgent({
      repoRoot: context.repoRoot,
      env: childEnvironment(context.environment),
      url: place.temporary.box.url,
      token: student.token,
      session: session.id,
      timeoutMs: BENCH_STEP_MS,
    });
    return stack.use(agent).address;
  })();
  return await stepRate(context, place, address, () => console.send("replyhi\n"));
}

/** Runs gdb to a stop in listen and gives the steps per second that it measured itself. */
async function stepRate(context: Context, place: Place, address: string, trigger: () => void): Promise<number> {
  const commands = [`break *0x${place.listenAddress}`, "continue", `python exec('${SCRIPT}')`, "detach", "quit"];
  const args = attachArguments({ debug: imagePath(place.image, "debug"), sources: undefined }, address);
  const lines: string[] = [];
  await using gdb = await startScriptedGdb(args, commands, childEnvironment(context.environment), (line) => {
    lines.push(line);
    if (line.startsWith("Continuing.")) trigger();
  });
  await settledWithin(gdb.exited, BENCH_STEP_MS);
  const rate = /^RATE ([\d.]+)$/m.exec(lines.join("\n"))?.[1];
  if (rate === undefined) throw new Error(`gdb did not step:\n${lines.slice(-8).join("\n")}`);
  return Number(rate);
}
