import { RingsideError } from "@ringside/shared";
import { expect, test } from "vitest";
import { errorOfErrand, failureOfEnd, failureOfStart } from "./failure.ts";

const withCode = (code: string): Error => Object.assign(new Error(code), { code });
const aborted = AbortSignal.timeout(0);

test.each([
  ["image_unavailable", new RingsideError("image_missing")],
  ["start_timeout", new RingsideError("timeout")],
  ["start_timeout", new RingsideError("machine_unresponsive")],
  ["machine_crashed", new RingsideError("machine_gone")],
  ["storage_full", new RingsideError("machine_gone", { message: "stderr: bind: No space left on device" })],
  ["storage_full", withCode("ENOSPC")],
  ["storage_full", withCode("EDQUOT")],
  ["internal", new RingsideError("conflict")],
  ["internal", new Error("anything")],
  ["internal", "not even an error"],
])("a start fails as %s by its error", (reason, error) => {
  expect(failureOfStart(error).reason).toBe(reason);
});

test("a start that was called off by its deadline has timed out", async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(failureOfStart(aborted.reason).reason).toBe("start_timeout");
});

test("an end fails by its kind, with a detail that the contract allows", () => {
  expect(failureOfEnd({ kind: "guest_exited", detail: "x" }).reason).toBe("guest_exited");
  expect(failureOfEnd({ kind: "unresponsive", detail: "x" }).reason).toBe("machine_unresponsive");
  const crashed = failureOfEnd({ kind: "crashed", detail: "y".repeat(9_000) });
  expect(crashed).toEqual({ reason: "machine_crashed", detail: "y".repeat(2_000) });
});

test("the proxy is told of its errand's failure by a code of the table", () => {
  const codes = [new RingsideError("no_capacity"), withCode("ENOSPC"), new Error("anything"), 5].map(
    (error) => errorOfErrand(error).code,
  );
  expect(codes).toEqual(["no_capacity", "storage_full", "internal", "internal"]);
});
