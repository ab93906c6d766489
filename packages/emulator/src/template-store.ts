import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Arch, RingsideError } from "@ringside/shared";
import type { Confinement } from "./jail.ts";
import { TEMPLATE_MAKING_STALE_MS, TEMPLATES_MAX } from "./limits.ts";
import type { BootImage } from "./machine-place.ts";
import { makeTemplate } from "./make-template.ts";
import { deviceArguments, qemuBinary } from "./qemu-args.ts";
import { runTool } from "./qemu-process.ts";
import { openTemplate, readTemplateFile, TEMPLATE_FORMAT, type Template } from "./template.ts";

/** An image to make a template of. */
export interface TemplateImage extends BootImage {
  readonly digest: string;
  readonly arch: Arch;
}

export interface TemplateStoreOptions {
  /** Holds `templates/` and the compiled helper; may be private to us. */
  readonly cacheFolder: string;
  /** Machines boot in new folders below this, each named like its process; reachable for the jail's user. */
  readonly workFolder: string;
  readonly confinement: Confinement;
}

/** QEMU's version, for example `QEMU emulator version 7.2.22 (Debian …)`. */
async function qemuVersion(arch: Arch): Promise<string> {
  const [first = ""] = (await runTool(qemuBinary(arch), ["--version"])).split("\n");
  return first.trim().slice(0, 200);
}

/** What a template depends on: another image, QEMU or machine means another template. */
function templateKey(what: { image: string; arch: Arch; memoryMib: number; qemuVersion: string }): string {
  const parts = [
    TEMPLATE_FORMAT,
    what.image,
    what.arch,
    what.memoryMib,
    what.qemuVersion,
    deviceArguments(what.memoryMib),
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/**
 * The templates of one host: each is made at its first use, kept on disk, and opened once.
 * Askers for the same one wait for the same making; a failed one is tried again by the next asker.
 */
export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #folder: string;
  readonly #open = new Map<string, Promise<Template>>();
  readonly #versions = new Map<Arch, Promise<string>>();
  readonly #closing = new AbortController();

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
    this.#folder = join(options.cacheFolder, "templates");
  }

  /** Gives the template, making it where need be: that takes as long as a boot. An asker that has waited enough just goes. */
  async get(image: TemplateImage, memoryMib: number): Promise<Template> {
    this.#closing.signal.throwIfAborted();
    const version = await this.qemuVersion(image.arch);
    const key = templateKey({ image: image.digest, arch: image.arch, memoryMib, qemuVersion: version });
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    if (this.#open.size >= TEMPLATES_MAX) {
      throw new RingsideError("internal", { message: `more than ${TEMPLATES_MAX} templates are in use` });
    }
    const opening = this.#openOrMake(image, memoryMib, version, key);
    this.#open.set(key, opening);
    opening.catch(() => this.#open.delete(key));
    return opening;
  }

  /** Throws a template away, as it does not load: the next asker makes it anew. */
  async discard(template: Template): Promise<void> {
    const present = await this.#open.get(template.key)?.catch(() => null);
    if (present !== template) return; // somebody did so before
    this.#open.delete(template.key);
    await rm(template.folder, { recursive: true, force: true });
    await template.memory.close();
  }

  qemuVersion(arch: Arch): Promise<string> {
    const known = this.#versions.get(arch);
    if (known !== undefined) return known;
    const asking = qemuVersion(arch);
    this.#versions.set(arch, asking);
    asking.catch(() => this.#versions.delete(arch));
    return asking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new RingsideError("shutting_down"));
    const settled = await Promise.allSettled(this.#open.values());
    for (const result of settled) if (result.status === "fulfilled") await result.value.memory.close();
    this.#open.clear();
  }

  async #openOrMake(image: TemplateImage, memoryMib: number, version: string, key: string): Promise<Template> {
    const { cacheFolder, workFolder, confinement } = this.#options;
    const folder = join(this.#folder, key);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    if ((await readTemplateFile(folder).catch(() => null)) === null) {
      await rm(folder, { recursive: true, force: true });
      await this.#removeStale();
      const name = `template-${randomUUID()}`;
      const { arch, digest } = image;
      await makeTemplate({
        ...{ image, folder, place: { name, folder: join(workFolder, name), confinement } },
        file: { format: TEMPLATE_FORMAT, key, image: digest, arch, memoryMib, qemuVersion: version },
        signal: this.#closing.signal,
      });
    }
    return openTemplate(folder, join(cacheFolder, "native"));
  }

  /** What a crash in the middle of a making has left. */
  async #removeStale(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (!name.startsWith(".")) continue;
      const path = join(this.#folder, name);
      const found = await stat(path).catch(() => null);
      const stale = found !== null && Date.now() - found.mtimeMs > TEMPLATE_MAKING_STALE_MS;
      if (stale) await rm(path, { recursive: true, force: true });
    }
  }
}
