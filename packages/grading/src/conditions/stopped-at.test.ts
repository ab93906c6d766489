import { describe, expect, it } from "vitest";
import { judge } from "../testing/judge.ts";
import { INET_LISTEN, LISTEN, Scenario } from "../testing/scenario.ts";

const run = () => new Scenario().attach().breakpoint().resume();
const at = (more: string) => `{ stopped_at: { function: __sys_listen, ${more} } }`;
const KERNEL = { rip: LISTEN, cs: 0x10n };
const reasonOf = async (when: string, scenario: Scenario) => (await judge(when, scenario)).reason;

describe("stopped_at", () => {
  it("compares registers, as numbers, parameters and kinds of address", async () => {
    const stop = () =>
      run().stopWith({ ...KERNEL, rax: 0xffff_ffff_ffff_ffdan, rsi: 17n, rsp: 0xffff888000004f00n, rdx: 0x401000n });
    const good = at("registers: { rax: -38, rsi: $backlog, rsp: kernel_address, rdx: user_address }");
    expect(await judge(good, stop())).toMatchObject({ verdict: "pass", times: [7] });
    expect(await judge(at('registers: { rax: "0xffffffffffffffda" }'), stop())).toMatchObject({ verdict: "pass" });
    expect(await judge(at("registers: { rsi: 18 }"), stop())).toMatchObject({
      verdict: "fail",
      reason: "The machine stopped at __sys_listen, where registers should be rsi 18; saw rsi 17.",
    });
    expect(await judge(at("registers: { rdx: kernel_address }"), stop())).toMatchObject({ verdict: "fail" });
    expect(await judge(at("registers: { rdi: user_address }"), stop())).toMatchObject({ verdict: "fail" });
  });

  it("tells kernel from program, and knows the program's functions", async () => {
    const inProgram = () => run().stopWith({ rip: 0x401104n, cs: 0x33n }, []);
    expect(await judge("{ stopped_at: { program: listen } }", inProgram())).toMatchObject({ verdict: "pass" });
    expect(await judge("{ stopped_at: { program: main } }", inProgram())).toMatchObject({
      reason: "No stop at main was recorded.",
    });
    expect(await judge("{ stopped_at: { mode: user } }", inProgram())).toMatchObject({ verdict: "pass" });
    expect(await judge("{ stopped_at: { mode: kernel } }", inProgram())).toMatchObject({
      reason: "The machine stopped at the kernel, but not in the kernel.",
    });
    expect(await judge(at("mode: kernel"), run().stopWith(KERNEL))).toMatchObject({ verdict: "pass" });
    expect(await reasonOf(at("mode: kernel"), run().stopWith({ rip: LISTEN, cs: 0x33n }))).toContain(
      "it cannot be told whether kernel or program ran",
    );
  });

  it("may ask for the place in the function", async () => {
    expect(await judge(at("position: breakpoint"), run().stop())).toMatchObject({ verdict: "pass" });
    expect(await reasonOf(at("position: breakpoint"), run().stop({ pc: LISTEN + 4n }))).toBe(
      "The machine stopped in __sys_listen, but not at its breakpoint.",
    );
  });

  it("may ask for a stop behind another check", async () => {
    const after = "{ stopped_at: { function: inet_listen, after: stop } }";
    const inet = { rip: INET_LISTEN };
    expect(await judge(after, run().stop().resume().stopWith(inet))).toMatchObject({ verdict: "pass" });
    expect(await judge(after, run().stopWith(inet).resume().stop())).toMatchObject({
      verdict: "fail",
      reason: "The machine stopped at inet_listen, but not after the check stop was met.",
    });
    expect(await judge(after, run().stopWith(inet))).toMatchObject({ verdict: "not_reached" });
  });

  it("may ask for the step that led there", async () => {
    const when = (how: string) => at(`by_step: ${how}`);
    expect(await judge(when("instruction"), run().stop({ pc: 0xffffffff81200c30n }).prompt().step())).toMatchObject({
      verdict: "pass",
    });
    expect(await judge(when("line"), run().stop().prompt().step())).toMatchObject({
      reason: "The machine stopped at __sys_listen, but it was not brought there by stepping by line.",
    });
  });

  it("reads what the program entered with where the trace has it, and says so where it has not", async () => {
    const when = at("syscall: 50, user_registers: { rsi: $backlog }");
    expect(await reasonOf(when, run().stop())).toBe(
      "The machine stopped at __sys_listen, where the trace does not show what the program had in its registers.",
    );
  });

  it("refuses a stop after any write, jump, or an unknown past", async () => {
    const forged = (write: (s: Scenario) => Scenario) =>
      reasonOf(at("cause: breakpoint"), write(run()).resume().stop());
    for (const packet of ["P10=c00b2081ffffffff", "P0=00", "G00", "Mffffffff81200bc0,1:cc"]) {
      expect(await forged((s) => s.packet(packet))).toContain(
        "had written to its registers or memory before (event 7)",
      );
    }
    expect(await forged((s) => s.packet(`c${LISTEN.toString(16)}`, null))).toContain("had written");
    const fork = new Scenario({}, { from: "state" }).attach().breakpoint().resume().stop();
    expect(await reasonOf(at("cause: breakpoint"), fork)).toContain("begun from a saved state whose past");
    const back = new Scenario().attach().packet("P0=00");
    back.trace.add({ type: "machine.found", epoch: 2, qemu: "q", from: "state" });
    expect(await reasonOf(at("cause: breakpoint"), back.breakpoint().resume().stop())).toContain("had written");
  });
});
