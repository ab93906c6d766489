import { describe, expect, it } from "vitest";
import { judge } from "./testing/judge.ts";
import { LISTEN, Scenario } from "./testing/scenario.ts";

const attached = () => new Scenario().attach();
const run = () => attached().breakpoint().resume();

describe("conditions", () => {
  it("all_of is met when each is, and gives the reason of the first that is not", async () => {
    const when = "{ all_of: [{ attached: true }, { console_typed: hello }] }";
    expect(await judge(when, run().type("hello"))).toMatchObject({ verdict: "pass", evidence: [2, 13] });
    expect(await judge(when, run())).toMatchObject({
      verdict: "fail",
      reason: "`hello` was not typed at the console.",
    });
  });

  it("any_of is met when one is, and gives every reason when none is", async () => {
    const when = "{ any_of: [{ console_typed: hello }, { console_typed: time }] }";
    expect(await judge(when, run().type("time"))).toMatchObject({
      verdict: "pass",
      reason: "`time` was typed at the console.",
    });
    expect(await judge(when, run())).toMatchObject({
      verdict: "fail",
      reason: "`hello` was not typed at the console. `time` was not typed at the console.",
    });
  });

  it("never looks at writes before a check, or at all", async () => {
    const early = () => run().packet("P10=00").stop();
    const late = () => run().stop().packet("Mffffffff81200000,1:00");
    const before = "{ never: { wrote_registers: true, wrote_memory: true, before: stop } }";
    expect(await judge(before, early())).toMatchObject({
      verdict: "fail",
      reason: "A debugger wrote to the machine's registers (event 7).",
      evidence: [7],
    });
    expect(await judge(before, late())).toMatchObject({
      verdict: "pass",
      reason: "Nothing was written to the machine.",
    });
    expect(await judge("{ never: { wrote_memory: true } }", late())).toMatchObject({ verdict: "fail" });
    expect(await judge("{ never: { wrote_registers: true } }", late())).toMatchObject({ verdict: "pass" });
    expect(await judge(before, run())).toMatchObject({ verdict: "not_reached" });
  });

  it("stopped_at may ask for the cause, and may accept a stop after writes", async () => {
    const when = (more: string) => `{ stopped_at: { function: __sys_listen, ${more} } }`;
    expect(await judge(when("cause: breakpoint"), run().stop())).toMatchObject({ verdict: "pass" });
    expect(await judge(when("cause: step"), run().stop())).toMatchObject({
      verdict: "fail",
      reason: "The machine stopped at __sys_listen, but not by a step: saw breakpoint.",
    });
    const interrupted = run().stop({ reply: "T02thread:01;" });
    expect(await judge(when("cause: interrupt"), interrupted)).toMatchObject({ verdict: "pass" });
    const watched = run().stop({ reply: "T05thread:01;watch:ffffffff82000000;" });
    expect(await judge(when("cause: watchpoint"), watched)).toMatchObject({ verdict: "pass" });
    expect(await judge(when("after_writes: accept"), run().packet("P10=00").stop())).toMatchObject({ verdict: "pass" });
  });

  it("stopped_at without arguments is met anywhere inside the function, but not in its neighbours", async () => {
    const when = "{ stopped_at: { function: __sys_listen } }";
    expect(await judge(when, run().stop({ pc: LISTEN + 9n }))).toMatchObject({ verdict: "pass" });
    expect(await judge(when, run().stop({ pc: LISTEN - 1n }))).toMatchObject({ verdict: "fail" });
  });

  it("stopped_at reads arguments by their C type, of several names each", async () => {
    const when = "{ stopped_at: { function: __sys_listen, args: { fd: 3, backlog: -1 } } }";
    expect(await judge(when, run().stop({ backlog: 0xdead_ffff_ffffn }))).toMatchObject({ verdict: "pass" });
    expect(await judge(when, run().stop({ fd: 4n }))).toMatchObject({
      reason: "The machine stopped at __sys_listen: expected fd 3, backlog -1, saw fd 4 backlog 17.",
    });
  });

  it("breakpoint_on says where breakpoints were set instead, and does not take a watchpoint for one", async () => {
    const when = "{ breakpoint_on: __sys_bind }";
    expect(await judge(when, run())).toMatchObject({
      reason: "No breakpoint on __sys_bind was recorded; breakpoints were set on: __sys_listen.",
    });
    expect(await judge(when, attached().packet("Z2,ffffffff81200000,8"))).toMatchObject({ verdict: "fail" });
    expect(await judge(when, attached().packet("Z1,ffffffff81200000,1"))).toMatchObject({ verdict: "pass" });
    expect(await judge(when, attached().packet("Z1,ffffffff81200000,1", "E22"))).toMatchObject({ verdict: "fail" });
  });
});
