import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { RingsideError } from "@ringside/shared";
import { z } from "zod";
import { within } from "./deadline.ts";
import { SAVE_TIMEOUT_MS } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { giveTo, type MachinePlace } from "./machine-place.ts";
import { folderInside } from "./qemu-process.ts";
import type { QmpClient } from "./qmp-client.ts";

const statusSchema = z.object({ status: z.string().optional(), "error-desc": z.string().optional() });
const SAVE_SOCKET = "save.sock";

/**
 * Sets QEMU up for saving or loading: memory in a shared file is left out (must be the same on both sides), and
 * QEMU tells when it is done.
 */
export async function prepareMigration(qmp: QmpClient, signal: AbortSignal): Promise<void> {
  const capabilities = [
    { capability: "x-ignore-shared", state: true },
    { capability: "events", state: true },
  ];
  await qmp.execute("migrate-set-capabilities", { capabilities }, { signal });
}

/**
 * Waits until QEMU has saved or loaded its state; to be called before it begins.
 * @throws RingsideError `internal` when it failed, `timeout` when it takes too long
 */
export async function migrationCompleted(qmp: QmpClient, timeoutMs: number, signal: AbortSignal): Promise<void> {
  let stop: () => void = () => undefined;
  const over = new Promise<string>((resolve) => {
    stop = qmp.onEvent(({ event, data }) => {
      const status = event === "MIGRATION" ? String(data.status) : "";
      if (["completed", "failed", "cancelled"].includes(status)) resolve(status);
    });
  });
  try {
    const status = await within(over, { timeoutMs, signal }, "the transfer of the machine's state");
    if (status === "completed") return;
    const found = statusSchema.parse(await qmp.execute("query-migrate", {}, { signal }));
    const message = `the machine's state was not transferred: ${found["error-desc"] ?? status}`;
    throw new RingsideError("internal", { message });
  } finally {
    stop();
  }
}

/** Takes one connection and gives all that it brings. */
function receive(server: Server, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("connection", (socket) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > bytesMax) socket.destroy(new Error("the machine's state is too large"));
        else chunks.push(chunk);
      });
      socket.on("error", reject);
      socket.on("end", () => resolve(Buffer.concat(chunks)));
    });
  });
}

/**
 * The state of a stopped machine, as QEMU's migration stream. The machine stays as it is and can go on.
 * @param bytesMax what the stream may have at most
 * @throws RingsideError `internal`, `timeout`, `machine_gone`, `machine_unresponsive`
 */
export async function readState(
  machine: Machine,
  place: MachinePlace,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const patience = { timeoutMs: SAVE_TIMEOUT_MS, signal };
  const path = join(place.folder, SAVE_SOCKET);
  const server = createServer();
  const received = receive(server, bytesMax);
  received.catch(() => undefined);
  try {
    server.listen(path);
    await within(new Promise((resolve) => server.once("listening", resolve)), patience, path);
    await giveTo(place, path);
    await prepareMigration(machine.qmp, signal);
    const completed = migrationCompleted(machine.qmp, SAVE_TIMEOUT_MS, signal);
    completed.catch(() => undefined);
    const uri = `unix:${folderInside(place.confinement, place.folder)}/${SAVE_SOCKET}`;
    await machine.qmp.execute("migrate", { uri }, { signal });
    await completed;
    return await within(received, patience, "the machine's saved state");
  } finally {
    server.close();
  }
}
