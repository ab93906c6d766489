import type { Duplex } from "node:stream";
import { type Parameters, parametersSchema, RingsideError } from "@ringside/shared";
import { within } from "./deadline.ts";
import { PARAMETER_ANSWER_BYTES_MAX, PARAMETER_LINE_BYTES_MAX, PARAMETERS_TIMEOUT_MS } from "./limits.ts";
import { LineSplitter } from "./lines.ts";

/**
 * The line that tells a guest its student's values: `params backlog=17 port=5001`, keys sorted, no newline.
 * The guest's side is MenuOS's parameters channel on ttyS1; it answers `ok` or `error <why>`.
 * @throws RingsideError `bad_request` when it is longer than the guest takes
 */
export function parametersLine(parameters: Parameters): string {
  const entries = Object.entries(parametersSchema.parse(parameters)).sort(([a], [b]) => (a < b ? -1 : 1));
  const line = ["params", ...entries.map(([key, value]) => `${key}=${value}`)].join(" ");
  if (Buffer.byteLength(line) > PARAMETER_LINE_BYTES_MAX) {
    const message = `the parameters are longer than the guest's ${PARAMETER_LINE_BYTES_MAX} bytes`;
    throw new RingsideError("bad_request", { message });
  }
  return line;
}

/**
 * Writes the parameters and, once `run` has made the guest run, waits for its `ok`. Afterwards the channel is read
 * and dropped, so that a guest that writes to it never blocks QEMU.
 * @throws RingsideError `machine_unresponsive` without an answer, `internal` when the guest refuses
 */
export async function handOver(
  channel: Duplex,
  parameters: Parameters,
  run: () => Promise<unknown>,
  signal?: AbortSignal,
): Promise<void> {
  const line = parametersLine(parameters);
  const lines = new LineSplitter(PARAMETER_ANSWER_BYTES_MAX);
  const answer = new Promise<string>((resolve, reject) => {
    const gone = () => reject(new RingsideError("machine_gone", { message: "the parameters channel closed" }));
    channel.on("close", gone);
    channel.on("data", (chunk: Buffer) => {
      const got = lines.push(chunk);
      if (got === null) reject(new RingsideError("internal", { message: "the guest's answer is too long" }));
      else if (got[0] !== undefined) resolve(got[0]);
    });
  });
  answer.catch(() => undefined);
  try {
    channel.write(`${line}\n`);
    await run();
    const said = await within(
      answer,
      { timeoutMs: PARAMETERS_TIMEOUT_MS, signal },
      "the guest's answer to its parameters",
      "machine_unresponsive",
    );
    if (said !== "ok") {
      throw new RingsideError("internal", { message: `the guest refused its parameters: ${said.slice(0, 200)}` });
    }
  } finally {
    channel.removeAllListeners("data");
    channel.removeAllListeners("close");
    channel.resume();
  }
}
