/** A recipe of three shell scripts that take no time: what they were asked to do is counted in files. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuildImageOptions } from "../build-image.ts";
import type { ImageRecipe } from "../image-recipe.ts";
import type { Progress } from "../recipe-process.ts";

const ARGUMENTS = `#!/usr/bin/env bash
set -eu
while [ $# -gt 0 ]; do case $1 in --out) out=$2 ;; --kernel) kernel=$2 ;; esac; shift 2; done
`;

const scripts = (root: string) => ({
  "kernel.sh": `${ARGUMENTS}
echo built >>${root}/kernel.count
echo "progress 50 halfway"
echo "to the log"
echo image >"$out/bzImage"; echo elf >"$out/vmlinux"; echo map >"$out/System.map"; echo 6.1.0 >"$out/release"
`,
  "initrd.sh": `${ARGUMENTS}
echo built >>${root}/initrd.count
mkdir -p "$out/programs"; cat ${root}/initrd/menu.c >"$out/initrd.cpio.gz"; echo menu >"$out/programs/menuos"
echo sources >"$out/program-sources.tar.gz"
`,
  "describe.sh": `${ARGUMENTS}
echo built >>${root}/describe.count
cp "$kernel/vmlinux" "$kernel/System.map" "$out/"
echo "sys_listen __sys_listen" >"$out/aliases"; echo "[]" >"$out/functions.json"
echo "[]" >"$out/structures.json"
`,
});

export interface FakeKitchen extends AsyncDisposable {
  readonly root: string;
  readonly cacheDir: string;
  readonly recipe: ImageRecipe;
  readonly progress: readonly Progress[];
  /** Options for `buildImage`, some of them other than usual. */
  options(changes?: Partial<BuildImageOptions>): BuildImageOptions;
  /** How often a script ran. */
  count(part: "kernel" | "initrd" | "describe"): Promise<number>;
  /** Replaces a script's body. */
  rewrite(script: keyof ReturnType<typeof scripts>, body: string): Promise<void>;
}

/** Makes a folder with a fake recipe, its inputs and an empty cache. */
export async function fakeKitchen(): Promise<FakeKitchen> {
  const root = await mkdtemp(join(tmpdir(), "ringside-image-"));
  const rewrite = (script: string, body: string) => writeFile(join(root, script), body, { mode: 0o755 });
  for (const [script, body] of Object.entries(scripts(root))) await rewrite(script, body);
  await mkdir(join(root, "initrd"));
  await writeFile(join(root, "initrd", "menu.c"), "int main;");
  for (const name of ["fragment.config", "busybox", "source.tar", "table.py"]) await writeFile(join(root, name), name);
  const progress: Progress[] = [];
  const recipe: ImageRecipe = {
    arch: "x86_64",
    commandLine: "console=ttyS0",
    prompt: "MenuOS>>",
    kernelScript: join(root, "kernel.sh"),
    kernelFragment: join(root, "fragment.config"),
    describeScript: join(root, "describe.sh"),
    describeInputs: [join(root, "table.py")],
    initrdScript: join(root, "initrd.sh"),
    initrdFolder: join(root, "initrd"),
    busybox: { kind: "installed", path: join(root, "busybox") },
    programs: ["menuos"],
    compilers: ["bash"],
    describers: ["bash"],
  };
  const cacheDir = join(root, "cache");
  return {
    root,
    cacheDir,
    recipe,
    progress,
    options: (changes = {}) => ({
      ...{ name: "test-image", repoRoot: root, cacheDir, kernelSrc: join(root, "source.tar"), jobs: 1, recipe },
      ...{ signal: new AbortController().signal, onProgress: (step: Progress) => void progress.push(step) },
      ...changes,
    }),
    count: async (part) => (await readFile(join(root, `${part}.count`), "utf8").catch(() => "")).split("\n").length - 1,
    rewrite: (script, body) => rewrite(script, `${ARGUMENTS}${body}`),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
