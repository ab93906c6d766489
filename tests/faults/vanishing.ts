import { execFile } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { PROXY_PATHS, tcpEntrySchema } from "@ringside/shared";
import { TestCell } from "../../services/gdb-proxy/src/testing/cell.ts";
import { FakeMachine } from "../../services/gdb-proxy/src/testing/fake-machine.ts";
import { NearClient } from "../../services/gdb-proxy/src/testing/near-client.ts";
import { RspClient } from "../../services/gdb-proxy/src/testing/rsp-client.ts";
import { readEvents } from "../../services/gdb-proxy/src/testing/trace-events.ts";

// Run in a network of its own (`unshare --net`), whose only line is cut: then no end of a connection hears of the other
// again, nor of its end. Prints a line of JSON for each way that a debugger was connected by.
const run = promisify(execFile);
const line = (state: "up" | "down") => run("ip", ["link", "set", "lo", state]);
const NOTICE_MS = 90_000;
const POLL_MS = 200;
/** More than a connection holds back before it is not read any more. */
const PACKETS_TOO_MANY = 80;
const RUNS_TRIES = 50;
const BREAKPOINT = "Z0,1000,1";

interface Debugged {
  readonly way: string;
  readonly machine: FakeMachine;
  /** What happens once the line is cut. */
  readonly after?: () => void;
  readonly returns?: (cell: TestCell, machine: FakeMachine) => Promise<Return>;
}

async function overTcp(cell: TestCell, machine: FakeMachine): Promise<RspClient> {
  const response = await cell.errand("tcp-entry", machine.session, { source: "127.0.0.1" });
  const { host, port } = tcpEntrySchema.parse(await response.json());
  const socket = connect(port, host);
  socket.on("error", () => undefined);
  return await RspClient.overTcp(socket).start();
}

async function overWebSocket(cell: TestCell, machine: FakeMachine): Promise<RspClient> {
  const gdb = RspClient.over(await cell.connect("gdb", machine.session));
  return await gdb.start();
}

async function overLink(cell: TestCell, machine: FakeMachine): Promise<NearClient> {
  const ticket = await cell.office.sign({ kind: "gdb", sid: machine.session });
  const url = `${cell.urls.publicUrl}${PROXY_PATHS.link(machine.session)}`;
  return new NearClient(url, { authorization: `Bearer ${ticket}` });
}

/** What is in the machine, and what the next gdb is answered. */
interface Return {
  readonly kept: number;
  readonly answer: string;
}

async function gdbReturns(cell: TestCell, machine: FakeMachine): Promise<Return> {
  const kept = machine.stub.breakpoints.size;
  return { kept, answer: await (await overWebSocket(cell, machine)).ask("qAttached") };
}

/** A near agent brings what its gdb had inserted; it is in the machine when that runs. */
async function agentReturns(cell: TestCell, machine: FakeMachine): Promise<Return> {
  const near = await overLink(cell, machine);
  await near.attach({ inserted: [BREAKPOINT], awaits: null });
  const answer = (await near.packets("qAttached")).message.payload;
  near.packets("vCont;c").catch(() => undefined);
  for (let n = 0; n < RUNS_TRIES && !machine.stub.running; n += 1) await sleep(POLL_MS);
  return { kept: machine.stub.breakpoints.size, answer };
}

/** Debuggers by each way, idle and not. */
async function connectAll(cell: TestCell): Promise<Debugged[]> {
  const machines = await Promise.all(Array.from({ length: 5 }, () => FakeMachine.start(cell.runDirectory)));
  const [idle, told, socket, stuffed, linked] = machines;
  if (!idle || !told || !socket || !stuffed || !linked) throw new Error("five machines were asked for");
  await (await overTcp(cell, idle)).ask(BREAKPOINT);
  const waiting = await overTcp(cell, told);
  await waiting.ask(BREAKPOINT);
  waiting.send("vCont;c");
  await (await overWebSocket(cell, socket)).ask(BREAKPOINT);
  const pushing = await overWebSocket(cell, stuffed);
  await pushing.ask(BREAKPOINT);
  pushing.send("vCont;c");
  for (let n = 0; n < PACKETS_TOO_MANY; n += 1) pushing.send("m1000,4");
  const near = await overLink(cell, linked);
  await near.attach();
  await near.packets(BREAKPOINT);
  while (!told.stub.running || !stuffed.stub.running) await sleep(POLL_MS);
  return [
    { way: "plain TCP, at its prompt", machine: idle },
    { way: "plain TCP, told a stop that it never gets", machine: told, after: () => told.stop() },
    { way: "WebSocket, at its prompt", machine: socket },
    { way: "WebSocket, not read from", machine: stuffed },
    { way: "link", machine: linked, returns: agentReturns },
  ];
}

await line("up");
const redisUrl = process.argv[2];
if (redisUrl === undefined) throw new Error("the address of a Redis is needed");
const cell = await TestCell.start(redisUrl);
const all = await connectAll(cell);
await line("down");
const cutAt = performance.now();
for (const { after } of all) after?.();
const found = await Promise.all(
  all.map(async ({ way, machine }) => {
    for (; performance.now() - cutAt < NOTICE_MS; await sleep(POLL_MS)) {
      const events = await readEvents(cell.traceDirectory(machine.session));
      if (events.some(({ type }) => type === "connection.closed")) {
        return { way, seconds: Math.round((performance.now() - cutAt) / 1_000) };
      }
    }
    return { way, seconds: null };
  }),
);
await line("up");
for (const [n, { machine, returns = gdbReturns }] of all.entries()) {
  const after = await returns(cell, machine).catch((error: unknown) => ({ kept: 0, answer: String(error) }));
  console.log(JSON.stringify({ ...found[n], ...after }));
}
process.exit(0);
