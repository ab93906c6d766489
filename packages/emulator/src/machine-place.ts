import { constants } from "node:fs";
import { chmod, chown, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CONSOLE_PIPES, CONSOLE_SOCKET, RingsideError, SOCKET_PATH_BYTES_MAX } from "@ringside/shared";
import type { Confinement } from "./jail.ts";
import type { MachineGroup } from "./machine-group.ts";
import type { BootFiles } from "./qemu-args.ts";
import { folderInside, runTool } from "./qemu-process.ts";

/** Where a machine lives on the host: a folder of its own, and how QEMU is confined to it. */
export interface MachinePlace {
  /** See MachineSpec.name. */
  readonly name: string;
  readonly folder: string;
  readonly confinement: Confinement;
  /** What holds it back from taking the host for itself; null only in tests and short errands. */
  readonly group: MachineGroup | null;
}

/** What a machine boots from: files on the host, and the prompt that tells that it is up. */
export interface BootImage {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly prompt: string;
}

/**
 * Makes a machine's private folder, owned by the user that QEMU runs as.
 * @throws RingsideError `internal` when socket paths in it would be too long for the system
 */
export async function preparePlace(place: MachinePlace): Promise<void> {
  const bytes = Buffer.byteLength(join(place.folder, CONSOLE_SOCKET));
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    const message = `the run directory's path is too long: ${place.folder} gives sockets of ${bytes} bytes`;
    throw new RingsideError("internal", { message: `${message}, the system allows ${SOCKET_PATH_BYTES_MAX}` });
  }
  await mkdir(place.folder, { mode: 0o700 });
  await giveTo(place, place.folder);
}

/**
 * Takes the folder back once QEMU has made its sockets: from then on a QEMU that was taken over from inside can
 * neither replace a socket by a link to another machine's nor forge what we write there.
 */
export async function sealPlace(place: MachinePlace): Promise<void> {
  const user = place.confinement.kind === "jail" ? place.confinement.userId : undefined;
  if (user === undefined) return;
  // It may still pass through, to what it is given there.
  await chown(place.folder, process.getuid?.() ?? 0, user);
  await chmod(place.folder, 0o710);
}

/** Gives a file in the place to the user that QEMU runs as. */
export async function giveTo(place: MachinePlace, path: string): Promise<void> {
  const user = place.confinement.kind === "jail" ? place.confinement.userId : undefined;
  if (user !== undefined) await chown(path, user, user);
}

/** Copies kernel and initrd into the folder: the jail sees nothing of the image's own. Gives their paths inside. */
export async function bringBootFiles(place: MachinePlace, image: BootImage): Promise<BootFiles> {
  const inside = folderInside(place.confinement, place.folder);
  for (const name of ["kernel", "initrd"] as const) {
    const path = join(place.folder, name);
    await copyFile(image[name], path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(path, 0o444);
  }
  return { kernel: `${inside}/kernel`, initrd: `${inside}/initrd`, commandLine: image.commandLine };
}

/** Makes the pipes that are a recorded machine's console: see CONSOLE_PIPES. */
export async function makeConsolePipes(place: MachinePlace): Promise<void> {
  const paths = [CONSOLE_PIPES.input, CONSOLE_PIPES.output].map((name) => join(place.folder, name));
  await runTool("mkfifo", ["-m", "600", ...paths]);
  for (const path of paths) await giveTo(place, path);
}
