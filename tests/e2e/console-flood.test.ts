import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import {
  atTheReady,
  attachWithBreakpoint,
  handIn,
  partPid,
  startTestBox,
  stopInListen,
  type TestBox,
} from "../support/test-box.ts";

// A guest that floods its console, with a client that does not read: neither may cost memory, trace or other students.
const PROXY_RSS_MIB_MAX = 300;
const TRACE_BYTES_MAX = 8 * 1024 * 1024;
const FLOOD_BYTES = 400_000;
const PATIENCE_MS = 90_000;

let box: TestBox;

beforeAll(async () => {
  box = await startTestBox(2);
});

afterAll(async () => {
  await box[Symbol.asyncDispose]();
});

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

it("bounds what a flooding guest costs, and leaves the next student's debugger alone", async () => {
  const flooder = await atTheReady(box, 0);
  const other = await atTheReady(box, 1);
  const { ticket, url } = await flooder.who.api.ticket(flooder.session.id, "console");
  const stalled = new WebSocket(url, { headers: { authorization: `Bearer ${ticket}` } });
  await new Promise((resolve, reject) => stalled.once("open", resolve).once("error", reject));
  stalled.pause();

  await using console = await ConsoleClient.open(flooder.who.api, flooder.session.id, box.context.signal);
  console.send("shell\n");
  await console.expect("#", PATIENCE_MS);
  console.send(`yes flood | head -c ${FLOOD_BYTES}; echo over; echo and out\n`);

  using stub = await attachWithBreakpoint(box, other.who, other.session.id);
  expect(await stopInListen(box, other.who, other.session.id, stub)).toMatch(/^T05/);
  await console.expect("over\r\nand out", PATIENCE_MS);
  expect(await residentMib(partPid(box, "gdb-proxy"))).toBeLessThan(PROXY_RSS_MIB_MAX);
  stalled.terminate();

  const { submission, trace } = await handIn(flooder.who, flooder.session.id);
  expect(trace.status).toBe("intact");
  expect(submission.traceBytes).toBeLessThan(TRACE_BYTES_MAX);
  expect(trace.events.some((event) => event.type === "console.dropped" && event.bytes > 0)).toBe(true);
});
