import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { RECORDING_FILE } from "@ringside/emulator";
import { MACHINE_FILE, machineFileSchema } from "@ringside/shared";
import type { Logger } from "pino";
import type { Recordings } from "./recordings.ts";

/** Keeps the recording of a machine whose runner was killed: QEMU was killed with it, so that its end is missing. */
export async function rescueRecording(folder: string, recordings: Recordings, log: Logger): Promise<void> {
  try {
    const text = await readFile(join(folder, MACHINE_FILE), "utf8").catch(() => null);
    const file = text === null ? null : machineFileSchema.parse(JSON.parse(text));
    if (file === null || !file.recording || file.template === null) return;
    const { session, epoch, template } = file;
    const kept = await recordings.keep({ session, epoch, template, whole: false, log: join(folder, RECORDING_FILE) });
    log.warn({ session, epoch, kept }, "the recording of a machine that nobody ended was kept");
  } catch (error) {
    log.error({ error, folder }, "a recording could not be kept");
  }
}
