import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Image, imagePath, loadImage } from "@ringside/image";
import type { Command } from "commander";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { cacheFolder, DEFAULT_IMAGE, ensureImage, localImage } from "../setup/image.ts";
import { ensurePackages } from "../setup/packages.ts";

/** `ringside image build|list|show`: the kernels that labs boot. */
export function addImage(program: Command, context: Context): void {
  const image = program.command("image").description("build the course's kernel images, and see which are here");
  image
    .command("build")
    .description("build an image; done already, it takes a moment")
    .option("--kernel-src <path>", "kernel tree or tarball (default: the system's linux-source package)")
    .option("--name <name>", "which image", DEFAULT_IMAGE)
    .action((options: { kernelSrc?: string; name: string }) => build(context, options));
  image
    .command("list")
    .description("the images in this machine's cache")
    .action(async () => {
      const images = await listImages(cacheFolder(context));
      printResult(context, images.map(describe), () =>
        table(
          ["image", "kernel", "arch", "digest"],
          images.map(({ manifest }) => [manifest.name, manifest.kernelRelease, manifest.arch, manifest.digest]),
        ),
      );
    });
  image
    .command("show")
    .argument("[which]", "name or digest", DEFAULT_IMAGE)
    .description("one image: what it is and where its files are")
    .action(async (which: string) => {
      const found = await localImage(context, which);
      if (!found)
        throw new CliError(
          "not_found",
          `There is no image ${which} here: \`ringside image build --name ${which}\` builds it`,
        );
      printResult(context, describe(found), imageText);
    });
}

async function build(context: Context, options: { kernelSrc?: string; name: string }): Promise<void> {
  await ensurePackages(context, options.kernelSrc === undefined ? [] : ["linux-source"]);
  const source = options.kernelSrc === undefined ? undefined : resolve(options.kernelSrc);
  printResult(context, describe(await ensureImage(context, options.name, source)), imageText);
}

async function listImages(cache: string): Promise<Image[]> {
  const images: Image[] = [];
  const folder = join(cache, "images");
  for (const name of await readdir(folder).catch(() => [])) {
    for (const build of await readdir(join(folder, name)).catch(() => [])) {
      const image = await loadImage(join(folder, name, build)).catch(() => undefined);
      if (image) images.push(image);
    }
  }
  return images;
}

type Description = ReturnType<typeof describe>;

function describe(image: Image) {
  const { name, arch, digest, inputsDigest, kernelRelease, commandLine } = image.manifest;
  const debug = imagePath(image, "debug");
  return { name, arch, digest, inputsDigest, kernelRelease, commandLine, folder: image.folder, debug };
}

function imageText(image: Description): string {
  return Object.entries(image)
    .map(([name, value]) => `${name.padEnd(13)} ${value}`)
    .join("\n");
}
