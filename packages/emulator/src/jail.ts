import type { Arch } from "@ringside/shared";
import { JAIL_ADDRESS_SPACE_BASE_MIB, JAIL_FILE_BYTES_BASE, JAIL_OPEN_FILES_MAX } from "./limits.ts";
import { qemuBinary } from "./qemu-args.ts";

/**
 * The jail around one QEMU: bubblewrap outside, QEMU's own seccomp filter inside (`-sandbox`), resource limits
 * around both. Inside there is no network, no process but QEMU, no file but QEMU's own program, libraries and
 * firmware (read-only) and the machine's private folder; memory and state of a template come as inherited files.
 * Where the runner is root, the whole jail runs as a user id of its own for each slot.
 */
export type Confinement =
  | { readonly kind: "jail"; readonly userId: number | undefined }
  /** Only for trying things out: the guest's debugger could then reach the host's files through QEMU. */
  | { readonly kind: "none" };

/** Where the machine's private folder is inside the jail. */
export const JAIL_FOLDER = "/machine";

/** What QEMU needs of the host, where it is there: distributions differ. */
const READ_ONLY = ["/usr/lib", "/usr/lib64", "/usr/share/qemu", "/usr/share/seabios", "/usr/share/ipxe"] as const;
const LINKS = [
  ["usr/lib", "/lib"],
  ["usr/lib64", "/lib64"],
] as const;

export interface JailOptions {
  readonly arch: Arch;
  /** The machine's private folder on the host. */
  readonly folder: string;
  /** Runs in QEMU's place: only for tests of what a QEMU that was taken over could do. */
  readonly program?: string | undefined;
  /** Inherited descriptor to which bubblewrap writes the inner process's id. */
  readonly infoFd: number;
}

/** bubblewrap's command line, up to and including `--`. */
export function jailArguments(options: JailOptions): readonly string[] {
  const inside = qemuBinary(options.arch);
  return [
    ...["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--as-pid-1"],
    ...["--info-fd", String(options.infoFd), "--hostname", "machine"],
    ...READ_ONLY.flatMap((path) => ["--ro-bind-try", path, path]),
    ...LINKS.flatMap(([to, at]) => ["--symlink", to, at]),
    ...["--ro-bind", options.program ?? inside, inside],
    ...["--proc", "/proc", "--dev", "/dev"],
    ...["--bind", options.folder, JAIL_FOLDER, "--chdir", JAIL_FOLDER],
    // Both are made of memory: a QEMU that was taken over shall not fill the host's with files.
    ...["--remount-ro", "/dev", "--remount-ro", "/"],
    "--",
  ];
}

export interface LimitOptions {
  readonly memoryMib: number;
  /** The largest file that it has to write: a booting template's memory, a recording. Others write none. */
  readonly writesBytes: number;
  /** Addresses that it needs beside those of any other. */
  readonly moreAddressesMib?: number;
}

/** The machine guard's limits, in its order: open files, bytes of address space, bytes of a file. */
export function limitArguments(options: LimitOptions): readonly string[] {
  const mib = 1024 * 1024;
  const addressSpace = (JAIL_ADDRESS_SPACE_BASE_MIB + 2 * options.memoryMib + (options.moreAddressesMib ?? 0)) * mib;
  return [JAIL_OPEN_FILES_MAX, addressSpace, JAIL_FILE_BYTES_BASE + options.writesBytes].map(String);
}
