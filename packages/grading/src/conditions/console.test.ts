import { describe, expect, it } from "vitest";
import { judge } from "../testing/judge.ts";
import { INSTRUCTOR, Scenario } from "../testing/scenario.ts";

const LINE = 'recv "hello" from 127.0.0.1';
const printed = `{ printed: { text: 'recv "hello" from' } }`;
const begin = () => new Scenario().attach();

describe("printed", () => {
  it("is met by a line of the guest's own", async () => {
    expect(await judge(printed, begin().type("hello").print(LINE))).toMatchObject({ verdict: "pass" });
    expect(await judge(printed, begin().type("hello"))).toMatchObject({
      reason: 'The console did not print `recv "hello" from`.',
    });
  });

  it("is not met by an echo, nor by what a shell was told to print", async () => {
    const told = ['recv "hello" from', 'echo re"cv" hello from 127', "ECHO RECV 'HELLO' FROM"];
    for (const text of told) {
      expect((await judge(printed, begin().type(text).print(LINE))).reason).toContain(
        "the same had been typed there before",
      );
      expect((await judge(printed, begin().type(text, INSTRUCTOR).print(LINE))).verdict).toBe("fail");
    }
    expect(await judge(printed, begin().print(LINE).type('recv "hello" from'))).toMatchObject({ verdict: "pass" });
  });

  it("is not met by a machine that a debugger has written to", async () => {
    expect((await judge(printed, begin().packet("M1000,1:00").print(LINE))).reason).toContain("a debugger had written");
  });

  it("may ask for a line behind another check", async () => {
    const after = `{ printed: { text: hi, after: stop } }`;
    expect(await judge(after, begin().print("hi").breakpoint().resume().stop())).toMatchObject({ verdict: "fail" });
    expect(await judge(after, begin().breakpoint().resume().stop().print("hi"))).toMatchObject({ verdict: "pass" });
  });
});
