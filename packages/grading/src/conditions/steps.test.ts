import { describe, expect, it } from "vitest";
import { judge } from "../testing/judge.ts";
import { LISTEN, Scenario } from "../testing/scenario.ts";

const arrived = () => new Scenario().attach().breakpoint().resume().stop().prompt();
const three = "{ stepped: { how: instruction, in: __sys_listen, at_least: 3, after: stop } }";

describe("stepped", () => {
  it("counts steps that began in the function, up to what is asked for", async () => {
    expect(
      await judge(
        three,
        arrived()
          .step()
          .step(LISTEN + 5n)
          .step(LISTEN + 9n)
          .step(),
      ),
    ).toMatchObject({
      ...{ verdict: "pass", reason: "Stepped by instruction in __sys_listen, 3 times." },
    });
    expect(await judge(three, arrived().step().step(0xffffffff81200c40n).step())).toMatchObject({
      ...{ verdict: "fail", reason: "Steps by instruction in __sys_listen: expected 3 or more, saw 2." },
    });
    expect(await judge("{ stepped: { how: line } }", arrived().step())).toMatchObject({ verdict: "fail" });
  });
});

describe("never and none_of", () => {
  it("forbid jumps, stops and whatever else", async () => {
    const jumped = "{ never: { jumped: true } }";
    expect(await judge(jumped, arrived().packet("P0=00"))).toMatchObject({ verdict: "pass" });
    expect((await judge(jumped, arrived().packet("P10=00"))).reason).toMatch(/program counter was set .*event 11/);
    const stop = "{ never: { stopped_at: inet_listen, before: stop } }";
    expect(await judge(stop, arrived())).toMatchObject({
      verdict: "pass",
      reason: "The machine did not stop at inet_listen.",
    });
    const early = new Scenario().attach().breakpoint().resume().stop({ pc: 0xffffffff81200f00n }).resume().stop();
    expect(await judge(stop, early)).toMatchObject({ verdict: "fail", evidence: [7] });
    const none = "{ none_of: [{ console_typed: hello }, { stepped: { how: line } }] }";
    expect(await judge(none, arrived())).toMatchObject({ verdict: "pass" });
    expect(await judge(none, arrived().type("hello"))).toMatchObject({ verdict: "fail" });
  });
});
