import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { registersOf } from "@ringside/rsp";
import type { TraceEvent } from "@ringside/trace";
import { afterEach, describe, expect, inject, it } from "vitest";
import { RealMachine } from "./testing/real-machine.ts";

// Real QEMU from its first instruction on, with real gdb.
let machine: RealMachine | undefined;
const INTERRUPTS = 40;
const INTERRUPT_MS = 30;

async function atPowerOn(): Promise<RealMachine> {
  machine = await RealMachine.start(
    inject("redisUrl"),
    (command, words) => spawn(command, words),
    process.env,
    "power_on",
  );
  return machine;
}

afterEach(async () => {
  await machine?.[Symbol.asyncDispose]();
});

type Stopped = Extract<TraceEvent, { type: "machine.stopped" }>;
const placeOf = ({ registers }: Stopped) => registersOf("x86_64", registers).get("rip") ?? 0n;

async function stops(real: RealMachine): Promise<readonly Stopped[]> {
  return (await real.events()).filter((event) => event.type === "machine.stopped");
}

describe("a machine from its first instruction on", () => {
  it.each(["break", "hbreak"])("stops by plain %s at an address that does not exist yet", async (command) => {
    const real = await atPowerOn();
    const output = await real.gdb(await real.tcpEntry(), [
      "x/5xb 0xfffffff0",
      "stepi",
      "info registers rip cs",
      "stepi 20",
      `${command} start_kernel`,
      "continue",
      "backtrace",
      "detach",
    ]);
    expect(output).toContain("0x000000000000fff0 in ?? ()");
    expect(output).toMatch(/0xfffffff0:\s+0xea\s+0x5b\s+0xe0\s+0x00\s+0xf0/);
    expect(output).toMatch(/rip\s+0xe05b/);
    expect(output).toContain("Breakpoint 1, start_kernel ()");
    expect(output).toContain("secondary_startup_64");
    await real.screen.wait(real.image.manifest.prompt);

    const kernel = await real.symbolAt("start_kernel");
    const all = await stops(real);
    const early = all.filter((stop) => placeOf(stop) < 0x10_0000n);
    expect(early.length).toBeGreaterThan(2);
    expect(early.flatMap(({ frames }) => frames)).toEqual([]);
    const started = all.find((stop) => placeOf(stop) === kernel);
    const caller = await real.symbolAt("x86_64_start_reservations");
    const first = BigInt(`0x${started?.frames[0] ?? "0"}`);
    expect(first > caller && first < caller + 0x100n).toBe(true);
    expect(all.some(({ user }) => user !== undefined)).toBe(false);
  });

  it("is followed through mode changes by interrupts at any moment, and concludes nothing from them", async () => {
    const real = await atPowerOn();
    const gdb = await real.rsp();
    await gdb.ask("?");
    // A boot takes most of a second.
    for (let n = 0; n < INTERRUPTS; n += 1) {
      gdb.send("vCont;c");
      await sleep(INTERRUPT_MS);
      gdb.interrupt();
      expect(await gdb.reply()).toMatch(/^T0[25]/);
      expect(await gdb.ask("vCont;s")).toMatch(/^T05/);
    }
    expect(await gdb.ask("D")).toBe("OK");
    gdb.close();
    await real.screen.wait(real.image.manifest.prompt);
    const all = await stops(real);
    expect(all.length).toBeGreaterThan(INTERRUPTS);
    for (const stop of all) {
      const isKernel = placeOf(stop) >= 0xffff_8000_0000_0000n;
      const isProgram = ((registersOf("x86_64", stop.registers).get("cs") ?? 0n) & 3n) === 3n;
      if (!isKernel && !isProgram) expect([stop.frames, stop.user]).toEqual([[], undefined]);
    }
  });
});
