import { RingsideError } from "@ringside/shared";
import { expect, test, vi } from "vitest";
import type { QmpClient } from "./qmp-client.ts";
import { VcpuNudge } from "./vcpu-nudge.ts";

const nudgeOf = (execute: QmpClient["execute"]) => new VcpuNudge({ execute } as QmpClient);

test("each nudge switches the event the other way: only a change reaches the processor", async () => {
  const execute = vi.fn<QmpClient["execute"]>(async () => ({}));
  const vcpu = nudgeOf(execute);
  for (let i = 0; i < 3; i += 1) expect(await vcpu.nudge()).toBe("nudged");
  expect(execute.mock.calls.map(([, args]) => args?.enable)).toEqual([true, false, true]);
});

test("a QEMU that refuses is not asked again, one that is silent is", async () => {
  const errors = [new RingsideError("machine_unresponsive"), new RingsideError("internal")];
  const execute = vi.fn<QmpClient["execute"]>(async () => {
    throw errors.shift();
  });
  const vcpu = nudgeOf(execute);
  await expect(vcpu.nudge()).rejects.toMatchObject({ code: "machine_unresponsive" });
  expect(await vcpu.nudge()).toBe("refused");
  expect(await vcpu.nudge()).toBe("refused");
  expect(execute).toHaveBeenCalledTimes(2);
});
