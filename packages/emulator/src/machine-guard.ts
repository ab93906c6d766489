import { type FileHandle, lstat, mkdir, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RingsideError } from "@ringside/shared";
import { nativeProgram } from "./native-program.ts";

/**
 * The program between us and each machine: it waits until the machine's control group has it, sets the resource
 * limits, and ends everything below it when we close its socket or die. See native/machine-guard.c.
 *
 * It is opened once per process, and children run the open file: no path needs to be reachable for a machine's user.
 */
let guard: Promise<FileHandle> | null = null;

/** A folder in the system's place for such things, which must be ours alone: everybody may make folders there. */
async function privateFolder(): Promise<string> {
  const user = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `ringside-native-${user}`);
  await mkdir(folder, { mode: 0o700 }).catch(() => undefined); // it is there already, or the next line says why not
  const found = await lstat(folder);
  if (found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0) return folder;
  throw new RingsideError("internal", { message: `${folder} is not ours alone: remove it` });
}

const openGuard = async (): Promise<FileHandle> => open(await nativeProgram("machine-guard", await privateFolder()));

/** @throws RingsideError `internal` when it cannot be compiled; then the next asker tries again */
export function machineGuard(): Promise<FileHandle> {
  guard ??= openGuard().catch((error) => {
    guard = null;
    throw error;
  });
  return guard;
}
