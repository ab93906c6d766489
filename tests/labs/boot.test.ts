import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StubClient } from "../../apps/cli/src/bench/stub-client.ts";
import { referenceScript } from "../../apps/cli/src/labs/run-lab.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { atTheReady, sessionIn, type TestBox } from "../support/test-box.ts";
import { COURSE_LABS, missesOf, pointsOf, runLab, scriptWithout, startLabBed } from "./testing/lab-run.ts";

const LAB = "boot";
const BOOT_MS = 60_000;
/** Long enough for a machine that runs to have written something. */
const QUIET_MS = 3_000;

let box: TestBox;
let reference: string;

beforeAll(async () => {
  box = await startLabBed({ labs: [LAB], students: 2 });
  reference = await referenceScript(COURSE_LABS, LAB);
});
afterAll(() => box[Symbol.asyncDispose]());

describe("the lab", () => {
  it.each(["tcp", "near"] as const)("gives the model solution full marks over %s", async (way) => {
    const run = await runLab(box, { lab: LAB, way });
    expect(missesOf(run), run.output).toEqual([]);
    expect(run.grade.points).toBe(100);
    expect(run.session.how).toBe("cold");
  });

  it("takes the points of a step that was left out, and no others", async () => {
    const script = scriptWithout(reference, "break sched_init\ncontinue\n");
    const run = await runLab(box, { lab: LAB, script });
    expect(missesOf(run)).toEqual([expect.stringMatching(/^sched-init 0\/5/)]);
  });

  it("gives nothing for places that the program counter was set to", async () => {
    const script = [
      "set confirm off",
      "break start_kernel",
      "continue",
      "set $pc_before = $rip",
      "set $sp_before = $rsp",
      ...["setup_arch", "rest_init", "kernel_init"].flatMap((name) => [`set $rip = &${name}`, "stepi"]),
      // The machine goes on as if nothing had been.
      "set $rsp = $sp_before",
      "set $rip = $pc_before",
      "detach",
    ];
    const run = await runLab(box, { lab: LAB, script: `${script.join("\n")}\n` });
    const earned = Object.entries(pointsOf(run)).filter(([, points]) => points > 0);
    expect(earned).toEqual([
      ["attached", 5],
      ["started", 15],
    ]);
  });
});

describe("a machine at power-on", () => {
  it("says so and waits, through a pause, a save that is refused and a reset, until a debugger lets it run", async () => {
    const { who, session } = await atTheReady(box, 1, LAB);
    const { api } = who;
    expect(session.how).toBe("cold");
    {
      await using console = await ConsoleClient.open(api, session.id, box.context.signal);
      await console.expect("waits at power-on", BOOT_MS);
      await console.expect(Buffer.from("上电").toString("latin1"), BOOT_MS);
      await api.pause(session.id);
      await api.resume(session.id);
      await expect(api.saveCheckpoint(session.id, "here")).rejects.toThrow("start at power-on");
      await expect(api.forkSession(session.id, {})).rejects.toThrow("start at power-on");
      await expect(console.expect("SeaBIOS", QUIET_MS)).rejects.toThrow("did not show");
    }
    await api.resetSession(session.id);
    expect(await sessionIn(who, session.id, "ready")).toMatchObject({ epoch: 2, how: "cold" });
    await using console = await ConsoleClient.open(api, session.id, box.context.signal);
    await console.expect("waits at power-on", BOOT_MS);
    const { host, port } = await api.tcpEntry(session.id);
    using stub = await StubClient.connect({ host, port });
    // rip is register 16: f000:fff0.
    expect(await stub.ask("p10")).toBe("f0ff000000000000");
    expect(await stub.ask("D")).toBe("OK");
    await console.expect("MenuOS>>", BOOT_MS);
  });
});
