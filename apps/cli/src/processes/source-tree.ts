import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Image, type SourceTreeName, sourcesPath } from "@ringside/image";
import { SOURCES_TIMEOUT_MS } from "../limits.ts";
import { runChild } from "./child.ts";
import { exists } from "./postgres-files.ts";

/** The kernel's, and into the same folder the programs': their names differ. */
const TREES: readonly SourceTreeName[] = ["kernel", "programs"];

/**
 * The sources of an image of this machine, unpacked once into the cache: the kernel's tree and the lab's programs.
 * @returns its folder; undefined where the image brings none or it cannot be unpacked: gdb works without
 */
export async function sourceTree(image: Image, cacheDir: string, signal: AbortSignal): Promise<string | undefined> {
  const folder = join(cacheDir, "source-trees", image.manifest.inputsDigest);
  if (await exists(folder)) return folder;
  if (!(await exists(sourcesPath(image, "kernel")))) return undefined;
  const fresh = `${folder}.${process.pid}.new`;
  await mkdir(fresh, { recursive: true });
  const codes: (number | null)[] = [];
  for (const tree of TREES) {
    const archive = sourcesPath(image, tree);
    if (await exists(archive)) codes.push(await unpack(archive, fresh, signal));
  }
  // Another gdb may have unpacked it meanwhile: then the rename fails and its tree serves.
  const done =
    codes.every((code) => code === 0) &&
    (await rename(fresh, folder).then(
      () => true,
      () => exists(folder),
    ));
  await rm(fresh, { recursive: true, force: true });
  return done ? folder : undefined;
}

async function unpack(archive: string, folder: string, signal: AbortSignal): Promise<number | null> {
  const { code } = await runChild({
    command: "tar",
    args: ["-xzf", archive, "-C", folder, "--no-same-owner"],
    env: { PATH: "/usr/bin:/bin" },
    timeoutMs: SOURCES_TIMEOUT_MS,
    signal,
  });
  return code;
}
