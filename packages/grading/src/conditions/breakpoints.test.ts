import { describe, expect, it } from "vitest";
import { judge } from "../testing/judge.ts";
import { INSTRUCTOR, LISTEN, Scenario } from "../testing/scenario.ts";

const BIND = 0xffffffff81200000n;
const silent = "{ breakpoint_silent: { function: __sys_bind, while: stop } }";
const both = () => new Scenario().attach().breakpoint().breakpoint(BIND).resume();

describe("breakpoint_silent", () => {
  it("is met by a breakpoint that stood and was not hit while the machine stopped elsewhere", async () => {
    expect(await judge(silent, both().stop())).toMatchObject({
      verdict: "pass",
      reason: "The breakpoint on __sys_bind stood and was not hit when the machine stopped elsewhere (event 9).",
      evidence: [9],
    });
    expect(await judge(silent, both().stop().resume().stop({ pc: BIND }))).toMatchObject({ verdict: "pass" });
  });

  it("is not met where it was hit, was not there, or somebody else's", async () => {
    expect(await judge(silent, both().stop({ pc: BIND }).resume().stop())).toMatchObject({
      reason: "The breakpoint on __sys_bind was hit (event 9).",
    });
    const none = "No breakpoint stood on __sys_bind when the machine stopped";
    const removed = both()
      .packet(`z0,${BIND.toString(16)},1`)
      .stop();
    expect((await judge(silent, removed)).reason).toContain(none);
    const teacher = new Scenario().attach(INSTRUCTOR).breakpoint(BIND);
    teacher.trace.add({
      type: "connection.opened",
      connection: 3,
      kind: "gdb",
      via: "tcp",
      user: teacher.header.user,
      role: "driver",
    });
    teacher.trace.packet(3, `Z0,${LISTEN.toString(16)},1`, "OK");
    teacher.trace.add({ type: "machine.resumed", connection: 3, action: "continue" });
    expect((await judge(silent, teacher.stop())).reason).toContain(none);
    expect(await judge(silent, both())).toMatchObject({ verdict: "not_reached" });
  });
});
