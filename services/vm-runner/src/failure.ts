import type { MachineEnd } from "@ringside/emulator";
import { type FailReason, RingsideError } from "@ringside/shared";
import { DETAIL_CHARS_MAX } from "./limits.ts";

export interface Failure {
  readonly reason: FailReason;
  /** For the operator. */
  readonly detail: string;
}

const failure = (reason: FailReason, detail: string): Failure => ({
  reason,
  detail: detail.slice(0, DETAIL_CHARS_MAX),
});

const DISK_FULL = new Set(["ENOSPC", "EDQUOT"]);
/** What QEMU and bubblewrap say where they cannot write. */
const DISK_FULL_TEXT = /No space left on device|Disk quota exceeded/;

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Why a machine that was asked for is not there. */
export function failureOfStart(error: unknown): Failure {
  const detail = error instanceof Error ? error.message : String(error);
  if (DISK_FULL.has(systemCode(error))) return failure("storage_full", detail);
  if (error instanceof DOMException && error.name === "TimeoutError") return failure("start_timeout", detail);
  if (!(error instanceof RingsideError)) return failure("internal", detail);
  switch (error.code) {
    case "image_missing":
      return failure("image_unavailable", detail);
    case "storage_full":
      return failure("storage_full", detail);
    case "timeout":
    case "machine_unresponsive":
      return failure("start_timeout", detail);
    case "machine_gone":
      return failure(DISK_FULL_TEXT.test(detail) ? "storage_full" : "machine_crashed", detail);
    default:
      return failure("internal", detail);
  }
}

/** Why a machine that ran is gone though nobody asked for its end. */
export function failureOfEnd(end: Exclude<MachineEnd, { kind: "stopped" }>): Failure {
  switch (end.kind) {
    case "guest_exited":
      return failure("guest_exited", end.detail);
    case "crashed":
      return failure(DISK_FULL_TEXT.test(end.detail) ? "storage_full" : "machine_crashed", end.detail);
    case "unresponsive":
      return failure("machine_unresponsive", end.detail);
    default:
      return end satisfies never;
  }
}

/** What the proxy is told of an errand that failed. */
export function errorOfErrand(cause: unknown): RingsideError {
  if (cause instanceof RingsideError) return cause;
  if (DISK_FULL.has(systemCode(cause))) return new RingsideError("storage_full", { cause });
  return new RingsideError("internal", { cause });
}
