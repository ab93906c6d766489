import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PROXY_PATHS } from "@ringside/shared";
import { readTraceBytes, verifyTrace } from "@ringside/trace";
import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { WebSocket } from "ws";
import { TestCell } from "./testing/cell.ts";
import { FakeMachine } from "./testing/fake-machine.ts";
import { RspClient } from "./testing/rsp-client.ts";
import { readEvents } from "./testing/trace-events.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

let cell: TestCell;
let machine: FakeMachine;
const children: ChildProcess[] = [];

beforeEach(async () => {
  cell = await TestCell.prepare(inject("redisUrl"), { LOG_LEVEL: "info" });
  machine = await FakeMachine.start(cell.runDirectory);
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await machine[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

/** Starts the proxy as a process and reads its `ready` line. */
async function startProcess(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, ...cell.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    const entry = JSON.parse(line) as { msg: string; publicUrl?: string };
    if (entry.msg === "ready" && entry.publicUrl !== undefined) {
      child.stdout?.resume();
      return { child, url: entry.publicUrl };
    }
  }
  throw new Error("the proxy did not become ready");
}

async function debug(url: string): Promise<RspClient> {
  const ticket = await cell.office.sign({ kind: "gdb", sid: machine.session });
  const ws = new WebSocket(`${url}${PROXY_PATHS.gdb(machine.session)}`, {
    headers: { authorization: `Bearer ${ticket}` },
  });
  ws.on("error", () => undefined);
  return RspClient.over(ws).start();
}

describe("the process", () => {
  it.each([0, 1, 2, 3, 4])(
    "that is killed loses no event that it had acted on, and goes on with trace and machine (%i)",
    async (round) => {
      const first = await startProcess();
      const gdb = await debug(first.url);
      await gdb.ask("Z2,1000,8");
      let answered = 0;
      const asking = (async () => {
        for (;;) {
          await gdb.ask("m1000,8");
          answered += 1;
        }
      })().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20 + 30 * round));
      first.child.kill("SIGKILL");
      await asking;
      expect(machine.stub.breakpoints.size).toBe(1);

      const second = await startProcess();
      const again = await debug(second.url);
      expect(await again.ask("?")).toMatch(/^T/);
      expect(machine.stub.breakpoints.size).toBe(0);
      const recorded = await readEvents(cell.traceDirectory(machine.session));
      const replies = recorded.filter((event) => event.type === "gdb.reply" && event.data === "00".repeat(8));
      expect(replies.length).toBeGreaterThanOrEqual(answered);
      expect(recorded.map(({ type }) => type)).toContain("trace.resumed");
      const opened = recorded.filter((event) => event.type === "connection.opened").map(({ connection }) => connection);
      expect(new Set(opened).size).toBe(opened.length);
      expect(await verifyTrace(readTraceBytes(cell.traceDirectory(machine.session)))).toMatchObject({
        status: "intact",
      });
      const exit = once(second.child, "exit");
      second.child.kill("SIGTERM");
      expect((await again.closed).code).toBe(1012);
      expect((await exit)[0]).toBe(0);
      await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    },
  );

  it("says what is wrong with its settings", async () => {
    const child = spawn(process.execPath, [MAIN], { env: { PATH: process.env.PATH, RINGSIDE_CELL: "Not A Slug" } });
    children.push(child);
    let text = "";
    child.stderr.on("data", (bytes) => {
      text += String(bytes);
    });
    expect((await once(child, "close"))[0]).toBe(1);
    expect(text).toContain("RINGSIDE_CELL");
    expect(text).toContain("REDIS_URL");
  });
});
