import { access, constants, glob } from "node:fs/promises";
import { join } from "node:path";

/**
 * What the box needs of the system, by Debian package. A requirement is met where its program is in PATH or
 * its file is there, whatever package it came from.
 */
export interface Requirement {
  readonly package: string;
  readonly purpose: string;
  readonly needed: "run" | "build" | "test";
  /** A program in PATH, or a file (a glob pattern that begins with '/'). */
  readonly probe: string;
}

const need = (needed: Requirement["needed"], name: string, probe: string, purpose: string): Requirement => ({
  package: name,
  probe,
  purpose,
  needed,
});

export const REQUIREMENTS: readonly Requirement[] = [
  need("run", "qemu-system-x86", "qemu-system-x86_64", "the emulator"),
  need("run", "bubblewrap", "bwrap", "confines the emulator"),
  need("run", "util-linux", "setpriv", "ends children with their parent"),
  need("run", "redis-server", "redis-server", "the queue"),
  need("run", "gdb", "gdb", "the debugger: `ringside gdb`, the demo, and the image's function table"),
  need("run", "gcc", "gcc", "compiles the emulator's guard, and the kernel"),
  need("build", "gcc-multilib", "/usr/include/x86_64-linux-gnu/gnu/stubs-32.h", "compiles the 32-bit menu program"),
  need("build", "make", "make", "builds the kernel"),
  need("build", "flex", "flex", "builds the kernel's configuration"),
  need("build", "bison", "bison", "builds the kernel's configuration"),
  need("build", "bc", "bc", "builds the kernel"),
  need("build", "libelf-dev", "/usr/include/gelf.h", "builds the kernel"),
  need("build", "binutils", "objcopy", "adds symbols to the kernel"),
  need("build", "cpio", "cpio", "reads and writes the initrd"),
  need("build", "xz-utils", "xz", "unpacks the kernel source"),
  need("build", "zstd", "zstd", "compresses symbols"),
  need("build", "busybox-static", "/bin/busybox", "the guest's shell"),
  need("build", "linux-source", "/usr/src/linux-source-*.tar.xz", "the kernel source (or give --kernel-src)"),
];

/** What only the tests need. */
export const TEST_REQUIREMENTS: readonly Requirement[] = [
  need("test", "babeltrace2", "babeltrace2", "reads traces in the Common Trace Format"),
];

/** True where the requirement's program or file is there. */
export async function isMet(requirement: Requirement, path: string): Promise<boolean> {
  const { probe } = requirement;
  if (probe.startsWith("/")) {
    for await (const _ of glob(probe)) return true;
    return false;
  }
  // Not every user's PATH has the administrator's folders.
  const folders = [...path.split(":"), "/usr/sbin", "/sbin"].filter((folder) => folder.startsWith("/"));
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, probe), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

export interface MissingOptions {
  readonly path: string;
  /** Default: those of a box. */
  readonly of?: readonly Requirement[];
  /** A kernel source of the user's own makes the package needless; so does a Redis that is there already. */
  readonly without: readonly string[];
}

/** The requirements that are not met. */
export async function missingRequirements(options: MissingOptions): Promise<Requirement[]> {
  const missing: Requirement[] = [];
  for (const requirement of options.of ?? REQUIREMENTS) {
    if (options.without.includes(requirement.package)) continue;
    if (!(await isMet(requirement, options.path))) missing.push(requirement);
  }
  return missing;
}

/** The one line that gets what is missing. */
export function installLine(missing: readonly Requirement[], isRoot: boolean): string {
  const names = missing.map((requirement) => requirement.package).join(" ");
  return `${isRoot ? "" : "sudo "}apt-get install --no-install-recommends -y ${names}`;
}
