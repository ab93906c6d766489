import { connect } from "node:net";
import { RingsideError } from "@ringside/shared";
import { type Patience, within } from "./deadline.ts";
import { CONSOLE_WINDOW_BYTES_MAX } from "./limits.ts";

/**
 * Connects to a console socket and waits until the guest has written `prompt`; then lets go of the socket.
 * @param path the unix socket, which must be there
 * @returns what the guest wrote up to then, one character per byte, at most CONSOLE_WINDOW_BYTES_MAX from its end
 * @throws RingsideError `timeout` with the console's last words when the prompt does not come
 */
export async function waitForPrompt(path: string, prompt: string, patience: Patience): Promise<string> {
  const socket = connect(path);
  let seen = "";
  const prompted = new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      seen = (seen + chunk.toString("latin1")).slice(-CONSOLE_WINDOW_BYTES_MAX);
      if (seen.includes(prompt)) resolve();
    });
    socket.on("error", (cause) => reject(new RingsideError("machine_gone", { message: "no console", cause })));
    socket.on("close", () => reject(new RingsideError("machine_gone", { message: "the console closed" })));
  });
  try {
    await within(prompted, patience, `the prompt ${JSON.stringify(prompt)}`);
    return seen;
  } catch (cause) {
    const end = JSON.stringify(seen.slice(-300));
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RingsideError("timeout", { message: `${why}; the console's end: ${end}`, cause });
  } finally {
    socket.destroy();
  }
}
