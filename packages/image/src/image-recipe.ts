import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Arch, imageNameSchema, RingsideError } from "@ringside/shared";

/** Where a static busybox for the image's machine comes from; `script` is called with `--arch A --out DIR` → busybox */
export type BusyboxSource =
  | { readonly kind: "installed"; readonly path: string }
  | { readonly kind: "fetched"; readonly arch: Arch; readonly script: string };

/** What an image is made with. The three scripts are called as the ones in course/kernels and course/initrd are. */
export interface ImageRecipe {
  readonly arch: Arch;
  readonly commandLine: string;
  readonly prompt: string;
  /** `--src S --out DIR --fragment F --arch A --jobs N` → bzImage, vmlinux, System.map, release, gdb/, sources.tar.gz */
  readonly kernelScript: string;
  readonly kernelFragment: string;
  /** `--kernel DIR --out DIR` → vmlinux and System.map with aliases, aliases, functions.json, structures.json */
  readonly describeScript: string;
  /** Further files whose change makes a new description. */
  readonly describeInputs: readonly string[];
  /** `--out DIR --arch A --busybox FILE` → initrd.cpio.gz, programs/, program-sources.tar.gz */
  readonly initrdScript: string;
  readonly initrdFolder: string;
  readonly busybox: BusyboxSource;
  /** Unstripped programs that the initrd script leaves in programs/. */
  readonly programs: readonly string[];
  /** Tools whose version is part of the inputs. */
  readonly compilers: readonly string[];
  readonly describers: readonly string[];
}

/** Boots without calibrating against the host, on the one clock that is right on every host. */
const COMMAND_LINE = "console=ttyS0 nokaslr panic=-1 quiet tsc_early_khz=1000000 lpj=4000000 tsc=unstable";
const COMMAND_LINES = {
  x86_64: COMMAND_LINE,
  // Waiting for ticks by counting loops takes a busy host for a timer that is not connected, and says so at the console.
  i386: `${COMMAND_LINE} no_timer_check`,
} as const satisfies Record<Arch, string>;
const PROMPT = "MenuOS>>";
/** Debian's busybox-static; packages for amd64 are all that such a system has. */
const BUSYBOX = "/bin/busybox";
const PROGRAMS = { x86_64: ["menuos", "menu32", "trigger"], i386: ["menuos"] } as const satisfies Record<
  Arch,
  readonly string[]
>;

/** What says in a kernel's configuration which machine it is for. */
const ARCH_LINES = {
  x86_64: "CONFIG_64BIT=y",
  i386: "# CONFIG_64BIT is not set",
} as const satisfies Record<Arch, string>;

async function archOf(kernelFragment: string): Promise<Arch> {
  const lines = (await readFile(kernelFragment, "utf8")).split("\n");
  for (const [arch, line] of Object.entries(ARCH_LINES) as [Arch, string][]) if (lines.includes(line)) return arch;
  const message = `${kernelFragment} does not say which machine it is for: '${ARCH_LINES.x86_64}' or '${ARCH_LINES.i386}'`;
  throw new RingsideError("image_missing", { message });
}

/**
 * The recipe of one of the course's images.
 * @param repoRoot the checkout
 * @param name the image's name: `course/kernels/<name>.config` is its kernel's configuration
 * @throws RingsideError `image_missing` for a name without a configuration
 */
export async function courseRecipe(repoRoot: string, name: string): Promise<ImageRecipe> {
  const kernels = join(repoRoot, "course", "kernels");
  const initrdFolder = join(repoRoot, "course", "initrd");
  const kernelFragment = join(kernels, `${name}.config`);
  const isKnown = imageNameSchema.safeParse(name).success && (await stat(kernelFragment).catch(() => null)) !== null;
  if (!isKnown) {
    throw new RingsideError("image_missing", {
      message: `There is no image '${name}': add ${kernelFragment}, or name another`,
    });
  }
  const arch = await archOf(kernelFragment);
  const fetchScript = join(initrdFolder, "fetch-busybox.sh");
  return {
    arch,
    commandLine: COMMAND_LINES[arch],
    prompt: PROMPT,
    kernelScript: join(kernels, "build-kernel.sh"),
    kernelFragment,
    describeScript: join(kernels, "describe-kernel.sh"),
    describeInputs: ["function-table.py", "structure-table.py"].map((name) => join(kernels, name)),
    initrdScript: join(initrdFolder, "build-initrd.sh"),
    initrdFolder,
    busybox: arch === "x86_64" ? { kind: "installed", path: BUSYBOX } : { kind: "fetched", arch, script: fetchScript },
    programs: PROGRAMS[arch],
    compilers: ["gcc", "ld"],
    describers: ["gdb", "objcopy"],
  };
}
