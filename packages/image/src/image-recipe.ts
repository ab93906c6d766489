import { access } from "node:fs/promises";
import { join } from "node:path";
import { type Arch, imageNameSchema, RingsideError } from "@ringside/shared";

/** What an image is made with. The three scripts are called as the ones in course/kernels and course/initrd are. */
export interface ImageRecipe {
  readonly arch: Arch;
  readonly commandLine: string;
  readonly prompt: string;
  /** `--src S --out DIR --fragment F --jobs N` → bzImage, vmlinux, System.map, release, gdb/, sources.tar.gz */
  readonly kernelScript: string;
  readonly kernelFragment: string;
  /** `--kernel DIR --out DIR` → vmlinux and System.map with aliases, aliases, functions.json */
  readonly describeScript: string;
  /** Further files whose change makes a new description. */
  readonly describeInputs: readonly string[];
  /** `--out DIR --busybox FILE` → initrd.cpio.gz, programs/ */
  readonly initrdScript: string;
  readonly initrdFolder: string;
  readonly busybox: string;
  /** Unstripped programs that the initrd script leaves in programs/. */
  readonly programs: readonly string[];
  /** Tools whose version is part of the inputs. */
  readonly compilers: readonly string[];
  readonly describers: readonly string[];
}

/** Boots without calibrating against the host, on the one clock that is right on every host. */
const COMMAND_LINE = "console=ttyS0 nokaslr panic=-1 quiet tsc_early_khz=1000000 lpj=4000000 tsc=unstable";
const PROMPT = "MenuOS>>";
const BUSYBOX = "/bin/busybox";

/**
 * The recipe of one of the course's images.
 * @param repoRoot the checkout
 * @param name the image's name: `course/kernels/<name>.config` is its kernel's configuration
 */
export async function courseRecipe(repoRoot: string, name: string): Promise<ImageRecipe> {
  const kernels = join(repoRoot, "course", "kernels");
  const initrdFolder = join(repoRoot, "course", "initrd");
  const kernelFragment = join(kernels, `${name}.config`);
  const known =
    imageNameSchema.safeParse(name).success &&
    (await access(kernelFragment).then(
      () => true,
      () => false,
    ));
  if (!known) {
    throw new RingsideError("image_missing", {
      message: `There is no image '${name}': add ${kernelFragment}, or name another`,
    });
  }
  return {
    arch: "x86_64",
    commandLine: COMMAND_LINE,
    prompt: PROMPT,
    kernelScript: join(kernels, "build-kernel.sh"),
    kernelFragment,
    describeScript: join(kernels, "describe-kernel.sh"),
    describeInputs: [join(kernels, "function-table.py")],
    initrdScript: join(initrdFolder, "build-initrd.sh"),
    initrdFolder,
    busybox: BUSYBOX,
    programs: ["menuos", "menu32"],
    compilers: ["gcc", "ld"],
    describers: ["gdb", "objcopy"],
  };
}
