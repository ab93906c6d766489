import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { RealMachine } from "./testing/real-machine.ts";

let machine: RealMachine;

beforeAll(async () => {
  machine = await RealMachine.start(inject("redisUrl"), (command, words) => spawn(command, words), process.env);
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

const prompt = () => machine.screen.wait(machine.image.manifest.prompt);

/** Waits until one more gdb than before lets the machine run. */
async function runs(before: number): Promise<void> {
  await vi.waitFor(async () => expect(await machine.resumes()).toBe(before + 1), { timeout: 20_000 });
}

describe.each([
  ["a WebSocket", () => machine.bridge(), "__sys_listen", "replyhi\r", 50],
  ["a TCP entry", () => machine.tcpEntry(), "__sys_connect", "hello\r", 42],
])("a real gdb through %s", (_name, open, place, line, nr) => {
  it("stops in the kernel's call, and the stop is recorded with its callers", async () => {
    const port = await open();
    const commands = [`break ${place}`, "continue", "backtrace", "stepi", "x/i $pc", "detach"];
    const output = await machine.whileRunning(() => machine.gdb(port, commands), line);
    expect(output).toMatch(new RegExp(`Breakpoint 1, ${place}`));
    expect(output).toMatch(/do_syscall_64/);
    await prompt();

    const events = await machine.events();
    const stop = events.filter((event) => event.type === "machine.stopped").findLast(({ frames }) => frames.length > 0);
    const caller = await machine.symbolAt("do_syscall_64");
    const frames = stop?.frames.map((frame) => BigInt(`0x${frame}`)) ?? [];
    expect(frames.some((frame) => frame > caller && frame < caller + 0x400n)).toBe(true);
    expect(stop?.user).toMatchObject({ nr, registers: { cs: "33", rdi: "3" } });
  });
});

describe("a real machine", () => {
  it("keeps its host's files and its life from monitor, kill and detach", async () => {
    const trap = `${machine.cell.folder}/trap`;
    const output = await machine.gdb(await machine.tcpEntry(), [
      `monitor migrate "exec:touch ${trap}"`,
      "monitor info version",
      "break __sys_listen",
      "kill",
    ]);
    expect(output).toContain("monitor help");
    expect(output).toContain("QEMU emulator version");
    await expect(access(trap)).rejects.toThrow();
    machine.screen.type("version\r");
    await prompt();
    expect(machine.qemu.exitCode).toBeNull();
  });

  it("answers Ctrl-C", async () => {
    const before = await machine.resumes();
    using gdb = machine.startGdb(await machine.tcpEntry(), ["continue"]);
    await runs(before);
    gdb.interrupt();
    await gdb.wait(/SIGINT/);
    expect(await gdb.ask("info registers rip")).toMatch(/rip\s+0x[0-9a-f]+/);
    gdb.type("detach");
    gdb.type("quit");
    await once(gdb.process, "close");
  });

  it("that dies ends its gdb's wait at once", async () => {
    const before = await machine.resumes();
    const session = machine.gdb(await machine.tcpEntry(), ["continue"]);
    await runs(before);
    machine.qemu.kill("SIGKILL");
    expect(await session).toMatch(/exited normally/);
    await machine.untilEvents((events) => expect(events.map(({ type }) => type)).toContain("machine.gone"));
  });
});
