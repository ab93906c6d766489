import { hexOfBytes, parseStopReply } from "@ringside/rsp";
import { MONITOR_COMMAND_CHARS_MAX } from "../limits.ts";
import { answer, type PolicyView, type Rule, refuse } from "./decision.ts";

/**
 * gdb's `monitor`. Behind the stub's qRcmd stands QEMU's whole monitor, which reads and writes files of the
 * host: nothing of it is ever forwarded. gdb's scripts for Linux ask for `info version`.
 */
const COMMANDS: Readonly<Record<string, (view: PolicyView) => string>> = {
  help: () => `${Object.keys(COMMANDS).join("\n")}\n`,
  "info status": (view) => statusOf(view),
  "info version": ({ qemuVersion }) => `${qemuVersion}\n`,
  status: (view) => statusOf(view),
};

function statusOf({ stopReply, detached }: PolicyView): string {
  const stop = parseStopReply(stopReply);
  if (detached || stop?.kind !== "signal") return "VM status: running\n";
  return `VM status: paused (${stop.signal === 5 ? "debug" : "interrupted"})\n`;
}

const FRIENDLY =
  "This monitor command is not available here: QEMU's monitor can reach the server's files.\n" +
  "`monitor help` lists what is. For registers use `info registers`, for memory `x`.\n";

export const monitor: Rule<"qRcmd"> = ({ command }, view) => {
  if (command === null) return refuse("the monitor command is not valid hex", "E22");
  const words = command.trim().replaceAll(/\s+/g, " ");
  const run = Object.hasOwn(COMMANDS, words) ? COMMANDS[words] : undefined;
  if (run !== undefined) return answer(hexOfBytes(run(view)));
  const shown = words.slice(0, MONITOR_COMMAND_CHARS_MAX).replaceAll(/[^\x20-\x7e]/g, "?");
  return refuse(`monitor command: ${shown}`.slice(0, MONITOR_COMMAND_CHARS_MAX), hexOfBytes(FRIENDLY));
};
