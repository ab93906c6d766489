/** Builds an image, or finds that it is built already. Kernel, its description and initrd are cached on their own. */
import { join } from "node:path";
import { assembleImage } from "./assemble.ts";
import { findBusybox } from "./busybox.ts";
import { cachePaths } from "./cache-directory.ts";
import { courseRecipe, type ImageRecipe } from "./image-recipe.ts";
import { computeInputs, type Ingredients, type Inputs } from "./inputs.ts";
import { findKernelSource } from "./kernel-source.ts";
import { type Image, loadImage } from "./load-image.ts";
import { type Progress, type RecipePriority, runRecipe } from "./recipe-process.ts";
import { replaceFile } from "./replace-file.ts";
import { BUILD_LOG, folderExists, storeOnce } from "./store.ts";

export interface BuildImageOptions {
  readonly name: string;
  /** The checkout that holds course/. */
  readonly repoRoot: string;
  readonly cacheDir: string;
  /** A kernel tree or tarball; without it the system's linux-source package. */
  readonly kernelSrc?: string;
  readonly jobs: number;
  /** `low` where people are waiting for other things on this machine. Without it `usual`. */
  readonly priority?: RecipePriority;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Without it, the course's recipe of that name. */
  readonly recipe?: ImageRecipe;
}

interface Build extends BuildImageOptions {
  readonly recipe: ImageRecipe;
  readonly inputs: Inputs;
  readonly ingredients: Ingredients;
}

/** Which part of the whole each recipe's own 0 to 100 percent is. */
const SHARES = { kernel: [0, 85], initrd: [85, 87], description: [87, 99], image: [99, 100] } as const;
type Part = keyof typeof SHARES;

function shareOf(build: Build, part: Part): (progress: Progress) => void {
  const [from, to] = SHARES[part];
  return ({ percent, text }) =>
    build.onProgress({ percent: Math.floor(from + ((to - from) * percent) / 100), text: `${part}: ${text}` });
}

async function run(build: Build, part: Part, command: string, folder: string, args: readonly string[]): Promise<void> {
  await runRecipe({
    command,
    args: ["--out", folder, ...args],
    logFile: join(folder, BUILD_LOG),
    priority: build.priority ?? "usual",
    signal: build.signal,
    onProgress: shareOf(build, part),
  });
}

function store(
  build: Build,
  part: Part,
  target: string,
  work: (folder: string) => Promise<void>,
  isGood = folderExists,
) {
  return storeOnce({
    cacheDir: build.cacheDir,
    what: `${part}-${build.inputs[part]}`,
    target,
    signal: build.signal,
    onWait: () => shareOf(build, part)({ percent: 0, text: "another builder is at it, waiting" }),
    isGood,
    build: work,
  });
}

const isGoodImage = (folder: string) =>
  loadImage(folder).then(
    () => true,
    () => false,
  );

async function buildParts(build: Build, folder: string): Promise<void> {
  const { recipe, inputs, cacheDir } = build;
  const kernelFolder = cachePaths.kernel(cacheDir, inputs.kernel);
  const descriptionFolder = cachePaths.description(cacheDir, inputs.description);
  const initrdFolder = cachePaths.initrd(cacheDir, inputs.initrd);
  await store(build, "kernel", kernelFolder, (out) =>
    run(build, "kernel", recipe.kernelScript, out, [
      ...["--src", build.ingredients.kernelSource, "--fragment", recipe.kernelFragment],
      ...["--arch", recipe.arch, "--jobs", String(build.jobs)],
    ]),
  );
  await store(build, "initrd", initrdFolder, (out) =>
    run(build, "initrd", recipe.initrdScript, out, ["--arch", recipe.arch, "--busybox", build.ingredients.busybox]),
  );
  await store(build, "description", descriptionFolder, (out) =>
    run(build, "description", recipe.describeScript, out, ["--kernel", kernelFolder]),
  );
  await assembleImage(folder, { name: build.name, recipe, inputs, kernelFolder, descriptionFolder, initrdFolder });
}

/** Builds the image of that name unless the cache has it, and makes it the one that `findImage` finds by name. */
export async function buildImage(options: BuildImageOptions): Promise<Image> {
  const { name, cacheDir, signal } = options;
  signal.throwIfAborted();
  const recipe = options.recipe ?? (await courseRecipe(options.repoRoot, name));
  const kernelSource = await findKernelSource(options.kernelSrc);
  options.onProgress({ percent: 0, text: "looking at what the image is made from" });
  const onProgress = ({ text }: Progress) => options.onProgress({ percent: 0, text: `busybox: ${text}` });
  const busybox = await findBusybox(recipe.busybox, { cacheDir, signal, onProgress });
  const ingredients = { kernelSource, busybox };
  const inputs = await computeInputs(cacheDir, name, recipe, ingredients, signal);
  const build: Build = { ...options, recipe, inputs, ingredients };
  const target = cachePaths.image(cacheDir, name, inputs.image);
  await store(build, "image", target, (folder) => buildParts(build, folder), isGoodImage);
  const image = await loadImage(target, { signal });
  await replaceFile(cachePaths.latest(cacheDir, name), `${inputs.image}\n`);
  options.onProgress({ percent: 100, text: `image ${image.manifest.digest}` });
  return image;
}
