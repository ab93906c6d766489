import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referenceScript } from "../../apps/cli/src/labs/run-lab.ts";
import type { TestBox } from "../support/test-box.ts";
import { COURSE_LABS, missesOf, pointsOf, runLab, scriptWithout, shortOf, startLabBed } from "./testing/lab-run.ts";

// The same lab on two images: the wrappers of the C library, their instructions, and the kernel's ends of them.
const LABS = [
  { lab: "libc-to-kernel-x86-64", ax: "rax", pc: "rip", handler: "tbreak sys_listen" },
  { lab: "libc-to-kernel-i386", ax: "eax", pc: "eip", handler: "tbreak __sys_listen" },
] as const;

let box: TestBox;

beforeAll(async () => {
  box = await startLabBed({ labs: LABS.map(({ lab }) => lab), images: ["linux-i386"] });
});
afterAll(() => box[Symbol.asyncDispose]());

describe.each(LABS)("the lab $lab", ({ lab, ax, pc, handler }) => {
  const shortWith = async (piece: string) => {
    const script = scriptWithout(await referenceScript(COURSE_LABS, lab), piece);
    return shortOf(await runLab(box, { lab, script }));
  };

  it.each(["tcp", "near"] as const)("its model solution earns full marks over %s", async (way) => {
    const run = await runLab(box, { lab, way });
    expect(missesOf(run), run.output).toEqual([]);
    expect(run.grade.points).toBe(100);
  });

  it("who does not see the call come back loses that", async () => {
    expect(await shortWith(`tbreak *$behind\ncontinue\nx/3i $pc\ninfo registers ${ax}\n`)).toEqual({ back: 0 });
  });

  it("who does not follow the error to -1 loses that", async () => {
    expect(await shortWith(`while $${ax} != -1\n  stepi\nend\n`)).toEqual({ "minus-one": 0 });
  });

  it("who passes by the handler loses it, and the way back from it", async () => {
    const short = await shortWith(`${handler}\ncontinue\ninfo args\n`);
    expect(short).toEqual({ handler: 0, back: 0 });
  });

  it("registers that are set by hand earn nothing", async () => {
    const script = [
      ...['eval "add-symbol-file %s", $program_menuos', "break listen", "monitor type replyhi", "continue"],
      ...[`set $${ax} = -95`, `set $${pc} = &socketpair`, "stepi", `set $${ax} = 95`, "stepi", `set $${ax} = -1`],
      ...["stepi", "delete", "detach"],
    ];
    const points = pointsOf(await runLab(box, { lab, script: script.join("\n") }));
    expect(points).toMatchObject({ attached: 2, wrapper: 8, trap: 0, failed: 0, positive: 0, "minus-one": 0 });
    expect(Object.values(points).reduce((sum, each) => sum + each, 0)).toBe(10);
  });
});
