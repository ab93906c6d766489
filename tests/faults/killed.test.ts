import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { machinePids } from "../../apps/cli/src/bench/place.ts";
import { isAlive, processesNaming } from "../support/processes.ts";
import {
  atTheReady,
  attachWithBreakpoint,
  handIn,
  killPart,
  sessionIn,
  startTestBox,
  stopInListen,
  type TestBox,
  until,
} from "../support/test-box.ts";

// kill -9 of each part of a running box: what was acknowledged is kept, nothing is orphaned, each session ends with a reason or goes on.
let box: TestBox;

beforeAll(async () => {
  box = await startTestBox(8);
});

afterAll(async () => {
  const { root } = box.temporary.folder;
  await box[Symbol.asyncDispose]();
  expect(await processesNaming(root)).toEqual([]);
});

describe("killing gdb-proxy under an attached debugger", () => {
  it("keeps the machine and the trace, and lets the student go on to full marks", async () => {
    const { who, session, pid } = await atTheReady(box, 0);
    using stub = await attachWithBreakpoint(box, who, session.id);
    await killPart(box, "gdb-proxy");
    await expect(stub.ask("g")).rejects.toThrow();
    expect(await isAlive(pid)).toBe(true);

    using again = await until("a debugger to be let in again", async () =>
      attachWithBreakpoint(box, who, session.id).catch(() => undefined),
    );
    expect(await stopInListen(box, who, session.id, again)).toMatch(/^T05/);
    await again.ask("D");
    const { submission, trace } = await handIn(who, session.id);
    expect(trace.status).toBe("intact");
    const types = trace.events.map((event) => event.type);
    expect(types).toContain("trace.resumed");
    // The breakpoint was acknowledged before the kill, so it must be in the trace before the resumption.
    const inserted = trace.events.findIndex((event) => event.type === "gdb.packet" && event.data.startsWith("Z0,"));
    expect(inserted).toBeGreaterThan(0);
    expect(inserted).toBeLessThan(types.indexOf("trace.resumed"));
    expect(submission.grade?.outcome).toBe("graded");
    expect(submission.grade?.points).toBe(submission.grade?.pointsMax);
  });
});

describe("killing vm-runner under a session", () => {
  it("ends its machines, fails the session with the reason, and keeps what was recorded", async () => {
    const { who, session, pid } = await atTheReady(box, 1);
    using stub = await attachWithBreakpoint(box, who, session.id);
    expect(await stopInListen(box, who, session.id, stub)).toMatch(/^T05/);
    await killPart(box, "vm-runner");
    await until("the emulator to end", async () => ((await isAlive(pid)) ? undefined : true));
    const failed = await sessionIn(who, session.id, "failed");
    expect(failed.reason).toBe("runner_lost");
    expect(failed.message).toContain("recording");
    await until("the reaper to clear the machine's folder", async () =>
      (await machinePids(box.temporary)).has(session.id) ? undefined : true,
    );

    const { submission, trace } = await handIn(who, session.id);
    expect(trace.status).toBe("intact");
    expect(trace.events.map((event) => event.type)).toContain("machine.stopped");
    expect(submission.grade?.outcome).toBe("graded");
    expect(submission.grade?.points).toBeGreaterThan(0);
  });

  it("starts the next session as if nothing had been", async () => {
    const { session } = await atTheReady(box, 2);
    expect(session.state).toBe("ready");
  });
});

describe("killing the api while a student debugs", () => {
  it("does not disturb the debugger, and grades afterwards", async () => {
    const { who, session, pid } = await atTheReady(box, 3);
    using stub = await attachWithBreakpoint(box, who, session.id);
    await killPart(box, "api");
    expect(await stub.ask("g")).toMatch(/^[0-9a-fx]{100,}$/);
    expect(await stopInListen(box, who, session.id, stub)).toMatch(/^T05/);
    await stub.ask("D");
    expect(await isAlive(pid)).toBe(true);
    const { submission } = await handIn(who, session.id);
    expect(submission.grade?.points).toBe(submission.grade?.pointsMax);
  });
});

describe("killing QEMU under an attached debugger", () => {
  it("closes the debugger's connection, fails the session as crashed, and keeps the trace", async () => {
    const { who, session, pid } = await atTheReady(box, 4);
    using stub = await attachWithBreakpoint(box, who, session.id);
    process.kill(pid, "SIGKILL");
    const failed = await sessionIn(who, session.id, "failed");
    expect(failed.reason).toBe("machine_crashed");
    await expect(stub.ask("g")).rejects.toThrow("closed");
    await until("the machine's folder to go", async () =>
      (await machinePids(box.temporary)).has(session.id) ? undefined : true,
    );
    const { trace } = await handIn(who, session.id);
    expect(trace.status).toBe("intact");
    expect(trace.events.map((event) => event.type)).toContain("machine.gone");
  });
});

describe("killing redis under a session", () => {
  it("leaves the machine and its debugger alone, and takes new sessions afterwards", async () => {
    const { who, session, pid } = await atTheReady(box, 5);
    using stub = await attachWithBreakpoint(box, who, session.id);
    await killPart(box, "redis");
    expect(await stub.ask("g")).toMatch(/^[0-9a-fx]{100,}$/);
    // Longer than a lease lives: whoever looks for leases must not have given the session up.
    await sleep(12_000);
    expect(await isAlive(pid)).toBe(true);
    expect((await who.api.session(session.id)).state).toMatch(/^(ready|attached)$/);
    const next = await atTheReady(box, 6);
    expect(next.session.state).toBe("ready");
  });
});
