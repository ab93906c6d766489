import { spawn } from "node:child_process";
import { once } from "node:events";
import { littleEndianOfHex } from "@ringside/rsp";
import type { TraceEventOf } from "@ringside/trace";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { RealMachine, type TalkingGdb } from "./testing/real-machine.ts";

let machine: RealMachine;

beforeAll(async () => {
  machine = await RealMachine.start(inject("redisUrl"), (command, words) => spawn(command, words), process.env);
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

const prompt = () => machine.screen.wait(machine.image.manifest.prompt);

async function stops(): Promise<readonly TraceEventOf<"machine.stopped">[]> {
  return (await machine.events()).filter((event) => event.type === "machine.stopped");
}

/** All gdbs have gone, and what they asked for has been done. */
async function alone(): Promise<void> {
  await machine.untilEvents((events) => {
    const opened = events.filter((event) => event.type === "connection.opened" && event.kind === "gdb");
    const closed = new Set(events.flatMap((event) => (event.type === "connection.closed" ? [event.connection] : [])));
    for (const event of opened) if ("connection" in event) expect(closed).toContain(event.connection);
  });
}

async function leave(gdb: TalkingGdb): Promise<void> {
  gdb.type("detach");
  gdb.type("quit");
  await once(gdb.process, "close");
  await alone();
}

/** Lets a gdb's machine run, and waits until it does. */
async function continued(gdb: TalkingGdb): Promise<void> {
  const before = await machine.resumes();
  gdb.type("continue");
  await vi.waitFor(async () => expect(await machine.resumes()).toBe(before + 1), { timeout: 20_000 });
}

describe("stepping beside a real stub", () => {
  it("goes round a loop in one exchange, and stops behind it", async () => {
    const rsp = await machine.rsp();
    const pc = littleEndianOfHex(await rsp.ask("p10")) ?? 0n;
    const at = (offset: number) => (pc + BigInt(offset)).toString(16);
    // mov $100,%ecx; 1: dec %ecx; jnz 1b; nop
    const [before, ecx] = [await rsp.ask(`m${at(0)},a`), await rsp.ask("p2")];
    expect(await rsp.ask(`M${at(0)},a:b964000000ffc975fc90`)).toBe("OK");
    expect(await rsp.ask(`vCont;r${at(0)},${at(9)}:1;c`)).toMatch(/^T05/);
    expect(littleEndianOfHex(await rsp.ask("p10"))).toBe(pc + 9n);
    expect((await stops()).at(-1)).toMatchObject({ steps: 201 });
    const resumed = (await machine.events()).findLast((event) => event.type === "machine.resumed");
    expect(resumed).toMatchObject({ action: "range" });

    expect(await rsp.ask(`P10=${littleEndian(pc)}`)).toBe("OK");
    expect(await rsp.ask(`Z0,${at(7)},1`)).toBe("OK");
    expect(await rsp.ask(`vCont;r${at(0)},${at(9)}:1;c`)).toMatch(/^T05/);
    expect(littleEndianOfHex(await rsp.ask("p10"))).toBe(pc + 7n);
    for (const restore of [`z0,${at(7)},1`, `M${at(0)},a:${before}`, `P2=${ecx}`, `P10=${littleEndian(pc)}`]) {
      expect(await rsp.ask(restore)).toBe("OK");
    }
    expect(await rsp.ask("D")).toBe("OK");
    rsp.close();
    await alone();
    machine.screen.type("version\r");
    await prompt();
  });

  it("is interrupted by Ctrl-C in a line that has no end", async () => {
    using gdb = machine.startGdb(await machine.bridge(), ["break __sys_listen"]);
    await gdb.wait(/Breakpoint 1 at/);
    await continued(gdb);
    machine.screen.type("replyhi\r");
    await gdb.wait(/Breakpoint 1, __sys_listen/);
    const code = /:\s+(0x[0-9a-f]{4})/.exec(await gdb.ask("x/1xh $pc"))?.[1];
    expect(code).toBeDefined();
    await gdb.ask("delete");
    // jmp to itself
    await gdb.ask("set *(unsigned short *)$pc = 0xfeeb");
    const before = (await stops()).length;
    gdb.type("next");
    await machine.untilEvents((events) => {
      const last = events.findLast((event) => event.type === "machine.resumed");
      expect(last).toMatchObject({ action: "range" });
    });
    gdb.interrupt();
    await gdb.wait(/SIGINT/);
    expect((await stops()).length).toBe(before + 1);
    expect((await stops()).at(-1)?.steps).toBeGreaterThan(1);
    await gdb.ask(`set *(unsigned short *)$pc = ${code}`);
    await leave(gdb);
    await prompt();
  });
});

describe("a condition at a real breakpoint", () => {
  it("misses twenty times without a word to gdb, and hits", async () => {
    // gdb 13 has no bytecode for 'T'.
    using gdb = machine.startGdb(await machine.tcpEntry(), ["break *ksys_write if *(char *)buf == 84"]);
    await gdb.wait(/Breakpoint 1 at/);
    await continued(gdb);
    const before = (await stops()).length;
    const resumesBefore = await machine.resumes();
    machine.screen.type("help\rhelp\rnonsense\r");
    await gdb.wait(/Breakpoint 1, (?:0x\w+ in )?ksys_write/);
    expect(await gdb.ask("x/s buf")).toContain("This is a wrong cmd!");
    const all = await stops();
    expect(all.length).toBe(before + 1);
    expect(all.at(-1)?.misses).toBeGreaterThanOrEqual(20);
    expect(await machine.resumes()).toBe(resumesBefore);
    expect(await gdb.ask("info breakpoints")).toContain("breakpoint already hit 1 time");
    await leave(gdb);
    await prompt();
  });
});

describe("two real gdbs on one machine", () => {
  it("see the same stops; the observer reads, and what else it tries is refused in words", async () => {
    using driver = machine.startGdb(await machine.tcpEntry(), ["break __sys_connect"]);
    await driver.wait(/Breakpoint 1 at/);
    using observer = machine.startGdb(await machine.bridge("observer"));
    await observer.ask("info registers rip");
    for (const command of ["stepi", "next", "set $rax = 1", "set *(char *)$sp = 0"]) {
      expect(await observer.ask(command), command).toMatch(/you observe|Cannot access memory/);
    }
    expect(await observer.ask("monitor who")).toMatch(/\(driver\), drives\n.*\(observer\), you/);
    observer.type("continue");
    await vi.waitFor(async () => {
      const packets = (await machine.events()).filter((event) => event.type === "gdb.packet");
      expect(packets.at(-1)?.data).toMatch(/^vCont;c|^c/);
    });
    await continued(driver);
    machine.screen.type("hello\r");
    await driver.wait(/Breakpoint 1, __sys_connect/);
    await observer.wait(/SIGTRAP[\s\S]*__sys_connect/);
    expect(await observer.ask("backtrace 2")).toContain("__sys_connect");
    expect(await observer.ask("p fd")).toMatch(/= \d+/);
    await leaveWhileOthers(observer);
    await leave(driver);
    await prompt();
  });

  it("let an observer come to a running machine, whose driver notices nothing", async () => {
    using driver = machine.startGdb(await machine.tcpEntry());
    await driver.ask("info registers rip");
    await continued(driver);
    const from = driver.output.length;
    using observer = machine.startGdb(await machine.bridge("observer"));
    expect(await observer.ask("info registers rip")).toMatch(/rip\s+0x/);
    await vi.waitFor(async () => expect(await observer.ask("x/i $pc")).toMatch(/=>/));
    machine.screen.type("version\r");
    await prompt();
    expect(driver.output.slice(from)).not.toMatch(/SIG/);
    await leaveWhileOthers(observer);
    driver.interrupt();
    await driver.wait(/SIGINT/, from);
    await leave(driver);
  });

  it("give an instructor the seat and take it back", async () => {
    using driver = machine.startGdb(await machine.tcpEntry());
    await driver.ask("info registers rip");
    using teacher = machine.startGdb(await machine.bridge("instructor"));
    await teacher.ask("info registers rip");
    expect(await teacher.ask("stepi")).toMatch(/you observe/);
    expect(await teacher.ask("monitor take")).toContain("You drive now");
    expect(await teacher.ask("stepi")).toMatch(/0x[0-9a-f]+ in|\w+\.[cS]|^\d+/);
    expect(await driver.ask("stepi")).toMatch(/you observe/);
    expect(await teacher.ask("monitor give")).toContain("You observe now");
    expect(await driver.ask("monitor status")).toContain("You drive");
    await leaveWhileOthers(teacher);
    await leave(driver);
  });
});

async function leaveWhileOthers(gdb: TalkingGdb): Promise<void> {
  gdb.type("detach");
  gdb.type("quit");
  await once(gdb.process, "close");
}

describe("a real gdb that goes", () => {
  it("killed by its host leaves its breakpoints, and the next finds the machine at one that was hit", async () => {
    const gdb = machine.startGdb(await machine.tcpEntry(), ["break __sys_connect"]);
    await gdb.wait(/Breakpoint 1 at/);
    await continued(gdb);
    gdb.process.kill("SIGKILL");
    await alone();
    const before = (await stops()).length;
    machine.screen.type("hello\r");
    await vi.waitFor(async () => expect((await stops()).length).toBe(before + 1), { timeout: 20_000 });
    using next = machine.startGdb(await machine.tcpEntry());
    expect(await next.ask("info symbol $pc")).toMatch(/__sys_connect/);
    await leave(next);
    machine.screen.type("version\r");
    await prompt();
  });

  it("killed at its breakpoint lets the machine run on over it", async () => {
    const gdb = machine.startGdb(await machine.tcpEntry(), ["break __sys_connect"]);
    await gdb.wait(/Breakpoint 1 at/);
    await continued(gdb);
    const before = (await stops()).length;
    machine.screen.type("hello\r");
    await gdb.wait(/__sys_connect \(/);
    gdb.process.kill("SIGKILL");
    await alone();
    machine.screen.type("time-asm\r");
    await machine.screen.wait("time-asm\r\n");
    await prompt();
    expect((await stops()).length).toBe(before + 1);
    using next = machine.startGdb(await machine.tcpEntry());
    await leave(next);
  });

  it("with kill asks for a fresh machine, which the console is told, and this one runs on until then", async () => {
    using gdb = machine.startGdb(await machine.tcpEntry());
    await gdb.ask("kill");
    await machine.screen.wait("asked for a fresh machine");
    gdb.type("quit");
    await once(gdb.process, "close");
    await alone();
    machine.screen.type("version\r");
    await prompt();
  });
});

function littleEndian(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString("hex");
}
