import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referenceScript } from "../../apps/cli/src/labs/run-lab.ts";
import type { TestBox } from "../support/test-box.ts";
import { COURSE_LABS, missesOf, pointsOf, runLab, scriptWithout, shortOf, startLabBed } from "./testing/lab-run.ts";

const LAB = "socket-layers";

let box: TestBox;
let reference: string;

beforeAll(async () => {
  box = await startLabBed({ labs: [LAB] });
  reference = await referenceScript(COURSE_LABS, LAB);
});
afterAll(() => box[Symbol.asyncDispose]());

const shortWith = async (script: string) => shortOf(await runLab(box, { lab: LAB, script }));

describe("the model solution", () => {
  it.each(["tcp", "near"] as const)("earns full marks over %s", async (way) => {
    const run = await runLab(box, { lab: LAB, way });
    expect(missesOf(run), run.output).toEqual([]);
    expect(run.grade.points).toBe(100);
    expect(run.output).toContain("<inet_stream_ops>");
    expect(run.output).toContain("Value returned is");
  });

  it("loses the points of the pointer that it does not look at", async () => {
    expect(await shortWith(scriptWithout(reference, "print sk->sk_max_ack_backlog\n"))).toEqual({ "max-backlog": 0 });
  });

  it("loses the points of the layer that it passes by", async () => {
    const script = scriptWithout(reference, "tbreak inet_csk_accept\ncontinue\nbacktrace 4\n");
    expect(await shortWith(script)).toEqual({ "accept-tcp": 0 });
  });

  it("keeps a part where it stops in a system call only", async () => {
    const script = scriptWithout(reference, "tbreak inet_listen\ncontinue\nprint sock->ops->listen\n");
    expect(await shortWith(script)).toEqual({ listen: 4 });
  });
});

it("a walk through the layers by a program counter set by hand earns nothing", async () => {
  const functions = ["inet_create", "inet_bind", "inet_csk_get_port", "inet_listen", "inet_csk_accept"];
  const visits = functions.flatMap((name) => [`set $rip = &${name}`, "set $rsi = $my_port", `break ${name}`, "stepi"]);
  const script = ["break sys_socket", "monitor type replyhi", "continue", ...visits, "delete", "detach"].join("\n");
  const points = pointsOf(await runLab(box, { lab: LAB, script }));
  expect(points).toMatchObject({ attached: 2, socket: 5, create: 0, port: 0, "accept-tcp": 0 });
  expect(Object.values(points).reduce((sum, each) => sum + each, 0)).toBe(7);
});
