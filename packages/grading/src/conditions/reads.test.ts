import { describe, expect, it } from "vitest";
import { judge } from "../testing/judge.ts";
import { INET_LISTEN, INSTRUCTOR, Scenario } from "../testing/scenario.ts";

const SOCK = 0xffff888000400f00n;
const begin = (user?: string) => new Scenario().attach(user).breakpoint(INET_LISTEN).resume();
const there = (user?: string) => begin(user).stopWith({ rip: INET_LISTEN, rdi: SOCK, rsp: 0xffff888000004f00n });
const ops = (scenario: Scenario) => scenario.read(SOCK + 32n, 8, "00010082ffffffff");
const looked = (more: string) => `{ looked_at: { structure: socket, member: ops${more} } }`;

describe("looked_at", () => {
  it("is met by a read of the member, where the structure is known to stand", async () => {
    expect(await judge(looked(", after: inet"), ops(there()))).toMatchObject({
      ...{ verdict: "pass", reason: "`socket.ops` was looked at." },
    });
    expect(await judge(looked(""), ops(begin()))).toMatchObject({ verdict: "fail" });
    expect(await judge(looked(""), ops(there(INSTRUCTOR)))).toMatchObject({ verdict: "fail" });
    const listen = "{ looked_at: { structure: proto_ops, member: listen } }";
    expect(await judge(listen, there().read(0xffffffff82000160n, 8, "00"))).toMatchObject({ verdict: "pass" });
    expect(await judge("{ looked_at: { structure: proto_ops } }", ops(there()))).toMatchObject({ verdict: "fail" });
  });

  it("takes the student's word for what was answered near gdb, unless the rubric does not", async () => {
    const told = () => there().noted(`m${(SOCK + 32n).toString(16)},8`);
    expect(await judge(looked(""), told())).toMatchObject({ verdict: "pass" });
    expect((await judge(looked(", told: refuse"), told())).reason).toContain("counts as the student's word");
    expect(await judge(looked(", told: refuse"), ops(told()))).toMatchObject({ verdict: "pass" });
  });

  it("may ask for the value that was seen", async () => {
    expect(await judge(looked(', value: "0xffffffff82000100"'), ops(there()))).toMatchObject({ verdict: "pass" });
    expect(await judge(looked(", value: 5"), ops(there()))).toMatchObject({
      reason: "`socket.ops` was looked at: expected 5, saw 0xffffffff82000100.",
    });
  });
});

describe("read_memory and read_registers", () => {
  it("are met by reads of a variable, of the stack when asked for, and of registers", async () => {
    const variable = "{ read_memory: { symbol: data } }";
    expect(await judge(variable, there().read(0xffffffff82000008n, 8, "00"))).toMatchObject({ verdict: "pass" });
    expect(await judge(variable, ops(there()))).toMatchObject({ reason: "`data` was not read." });
    const stack = "{ read_memory: { stack: true } }";
    expect(await judge(stack, there().read(0xffff888000004f00n, 8, "00"))).toMatchObject({ verdict: "pass" });
    const byItself = there().read(0xffff888000004f00n, 8, "00").prompt();
    expect(await judge(stack, byItself)).toMatchObject({ verdict: "fail" });
    expect(await judge("{ read_registers: {} }", there().packet("g", "00"))).toMatchObject({ verdict: "pass" });
    expect(await judge("{ read_registers: { told: refuse } }", there().noted("g"))).toMatchObject({ verdict: "fail" });
    expect(await judge("{ read_registers: { after: inet } }", begin().packet("g", "00"))).toMatchObject({
      verdict: "not_reached",
    });
  });
});
