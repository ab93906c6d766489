import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judge } from "../testing/judge.ts";
import { INET_LISTEN, INSTRUCTOR, Scenario } from "../testing/scenario.ts";
import { readNumber } from "./answers.ts";

const SOCK = 0xffff888000400f00n;
const answered = (equals: string, more = "", question = "q1") =>
  `{ answered: { question: ${question}, equals: ${equals}${more} } }`;
const begin = () => new Scenario().attach().breakpoint().resume();
const says = async (when: string, value: string) => (await judge(when, begin().answer("q1", value))).verdict;

describe("answered", () => {
  it("reads numbers as C writes them, in any of the ways that gdb shows one", async () => {
    for (const value of ["128", "0x80", "0200", "0o200", "0b10000000", " +128 "]) {
      expect(await says(answered("128"), value)).toBe("pass");
    }
    for (const value of ["129", "128.0", "", "hundred", "0x", "128 or 129"]) {
      expect(await says(answered("128"), value)).toBe("fail");
    }
    for (const value of ["-98", "0xffffff9e", "4294967198", "0xffffffffffffff9e"]) {
      expect(await says(answered("-98"), value)).toBe("pass");
    }
    expect(await says(answered("[1, 128]"), "128")).toBe("pass");
    expect(await says(answered("100", ", tolerance: 5"), "104")).toBe("pass");
    expect(await says(answered("100", ", tolerance: 5"), "106")).toBe("fail");
  });

  it("compares texts without case and spaces, and functions by any of their names", async () => {
    const text = answered("In the Kernel", "", "q2");
    expect(await judge(text, begin().answer("q2", "  in  the KERNEL "))).toMatchObject({ verdict: "pass" });
    const name = answered("{ function: sys_listen }", "", "q2");
    for (const value of ["__x64_sys_listen", "__sys_listen()", "sys_listen"]) {
      expect(await judge(name, begin().answer("q2", value))).toMatchObject({ verdict: "pass" });
    }
    expect(await judge(name, begin().answer("q2", "__sys_bind"))).toMatchObject({ verdict: "fail" });
    const payload = answered("$payload", "", "q2");
    expect(await judge(payload, begin().answer("q2", "ABC"))).toMatchObject({ verdict: "pass" });
  });

  it("compares with the student's parameters and with what the trace itself shows", async () => {
    expect(await says(answered("$backlog"), "17")).toBe("pass");
    const backlog = answered("{ from: { check: stop, argument: backlog } }");
    expect(await judge(backlog, begin().stop({ backlog: 99n }).answer("q1", "99"))).toMatchObject({
      ...{ verdict: "pass", evidence: [7, 9] },
    });
    expect(await judge(backlog, begin().stop({ backlog: 99n }).answer("q1", "17"))).toMatchObject({
      ...{ verdict: "fail", reason: "Question q1 was answered with `17`, which is not what the trace shows." },
    });
    expect(await judge(backlog, begin().answer("q1", "17"))).toMatchObject({ verdict: "not_reached" });
    const register = answered("{ from: { check: stop, register: rdi } }");
    expect(await judge(register, begin().stop().answer("q1", "3"))).toMatchObject({ verdict: "pass" });
    const unknown = answered("{ from: { check: stop, user_register: rdi } }");
    expect((await judge(unknown, begin().stop().answer("q1", "3"))).reason).toContain("does not show the value");
    const type = answered("{ from: { check: inet, member: socket.type } }");
    const inet = begin()
      .stopWith({ rip: INET_LISTEN, rdi: SOCK })
      .read(SOCK + 4n, 2, "0100");
    expect(await judge(type, inet.answer("q1", "1"))).toMatchObject({ verdict: "pass" });
  });

  it("takes the last answer, and that of the submission before all", async () => {
    const twice = () => begin().answer("q1", "5").answer("q1", "128");
    expect(await judge(answered("128"), twice())).toMatchObject({ verdict: "pass" });
    expect(await judge(answered("5"), twice())).toMatchObject({ verdict: "fail" });
    const answers = [
      { question: "q1", value: "1" },
      { question: "q1", value: "5" },
    ];
    expect(await judge(answered("5"), twice(), { answers })).toMatchObject({ verdict: "pass", evidence: [] });
  });

  it("takes no answer of somebody else's, and says how to give one", async () => {
    const teacher = new Scenario().attach(INSTRUCTOR).answer("q1", "128");
    expect(await judge(answered("128"), teacher)).toMatchObject({
      verdict: "fail",
      reason: expect.stringContaining("`monitor answer q1 VALUE`"),
      zh: expect.stringContaining("`monitor answer q1 值`"),
    });
  });

  it("reads any text without an error, and every number back", () => {
    fc.assert(fc.property(fc.string(), (text) => ["bigint", "object"].includes(typeof readNumber(text))));
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 60n), max: 1n << 60n }), (number) => {
        const sign = number < 0n ? "-" : "";
        const size = number < 0n ? -number : number;
        expect(readNumber(String(number))).toBe(number);
        expect(readNumber(`${sign}0x${size.toString(16)}`)).toBe(number);
        expect(readNumber(`${sign}0${size.toString(8)}`)).toBe(number);
      }),
    );
  });
});
