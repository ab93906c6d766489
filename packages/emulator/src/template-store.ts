import { createHash, randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Arch, RingsideError } from "@ringside/shared";
import type { Confinement } from "./jail.ts";
import { TEMPLATE_KEEP_MS, TEMPLATE_TOUCH_MS, TEMPLATES_MAX } from "./limits.ts";
import { machineLimits } from "./machine-group.ts";
import type { MachineGroups } from "./machine-groups.ts";
import type { BootImage } from "./machine-place.ts";
import { makeTemplate } from "./make-template.ts";
import { deviceArguments } from "./qemu-args.ts";
import { QemuVersions } from "./qemu-version.ts";
import { openTemplate, readTemplateFile, TEMPLATE_FORMAT, type Template } from "./template.ts";
import {
  findTemplate,
  lastUseMs,
  removeStale,
  removeTemplate,
  templateKeys,
  templatesIn,
  touchTemplate,
} from "./template-folders.ts";
import { lockTemplate } from "./template-lock.ts";

/** An image to make a template of. */
export interface TemplateImage extends BootImage {
  readonly digest: string;
  readonly arch: Arch;
}

export interface TemplateStoreOptions {
  /** Holds `templates/` and the compiled helper; may be private to us, and shared by all cells of the host. */
  readonly cacheFolder: string;
  /** Machines boot in new folders below this, each named like its process; reachable for the jail's user. */
  readonly workFolder: string;
  readonly confinement: Confinement;
  /** Where machines that boot for a template are held back like others. */
  readonly groups?: MachineGroups;
  readonly versions?: QemuVersions;
}

/** A boot is short and many may wait for it: it gets a whole core. */
const MAKING_CPU_PERCENT = 100;

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
 * The templates of one host: each is made at its first use, kept on disk, and opened once per process.
 * Askers for the same one wait for the same making, those of other processes too; a failed one is tried again by
 * the next asker. After a QEMU upgrade new templates are made by themselves; saved states still find their own.
 */
export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #folder: string;
  readonly #versions: QemuVersions;
  readonly #open = new Map<string, Promise<Template>>();
  readonly #closing = new AbortController();
  readonly #touching: NodeJS.Timeout;

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
    this.#folder = templatesIn(options.cacheFolder);
    this.#versions = options.versions ?? new QemuVersions();
    this.#touching = setInterval(() => void this.#touchOpen(), TEMPLATE_TOUCH_MS).unref();
  }

  /** Gives the template, making it where need be: that takes as long as a boot. An asker that has waited enough just goes. */
  async get(image: TemplateImage, memoryMib: number): Promise<Template> {
    this.#closing.signal.throwIfAborted();
    const version = await this.qemuVersion(image.arch);
    const key = templateKey({ image: image.digest, arch: image.arch, memoryMib, qemuVersion: version });
    return this.#share(key, () => this.#make(image, memoryMib, version, key));
  }

  /** Opens the template whose contents have this digest, for a saved state of its clone; null where it is no more. */
  async withContents(contents: string): Promise<Template | null> {
    this.#closing.signal.throwIfAborted();
    const found = await findTemplate(this.#folder, contents);
    if (found === null) return null;
    const template = await this.#share(found.key, () => this.#openFolder(found.key));
    return template.contents === contents ? template : null;
  }

  /** Throws a template away, as it does not load: the next asker makes it anew. */
  async discard(template: Template): Promise<void> {
    const present = await this.#open.get(template.key)?.catch(() => null);
    if (present !== template) return; // somebody did so before
    this.#open.delete(template.key);
    await template.memory.close();
    await using _lock = await this.#lock(template.key);
    const onDisk = await readTemplateFile(template.folder).catch(() => null);
    const another = onDisk !== null && onDisk.contents !== template.contents; // made anew by another process
    if (!another) await rm(template.folder, { recursive: true, force: true });
  }

  /** QEMU's version, for example `QEMU emulator version 7.2.22 (Debian …)`. */
  qemuVersion(arch: Arch): Promise<string> {
    return this.#versions.of(arch);
  }

  /**
   * Removes templates that nobody has open or needs and that were not used for TEMPLATE_KEEP_MS.
   * @param neededContents what our saved states and recordings refer to: that counts as use
   * @returns how many were removed
   */
  async collectGarbage(neededContents: ReadonlySet<string>): Promise<number> {
    let removed = 0;
    for (const key of await templateKeys(this.#folder)) {
      this.#closing.signal.throwIfAborted();
      const folder = join(this.#folder, key);
      const file = await readTemplateFile(folder).catch(() => null);
      if (this.#open.has(key) || (file !== null && neededContents.has(file.contents))) {
        await touchTemplate(folder);
        continue;
      }
      if (await this.#removeUnused(key)) removed += 1;
    }
    return removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#touching);
    this.#closing.abort(new RingsideError("shutting_down"));
    const settled = await Promise.allSettled(this.#open.values());
    for (const result of settled) if (result.status === "fulfilled") await result.value.memory.close();
    this.#open.clear();
  }

  /** One opening for all who ask at the same time and later. */
  async #share(key: string, open: () => Promise<Template>): Promise<Template> {
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    if (this.#open.size >= TEMPLATES_MAX) {
      throw new RingsideError("internal", { message: `more than ${TEMPLATES_MAX} templates are in use` });
    }
    const opening = open();
    this.#open.set(key, opening);
    opening.catch(() => this.#open.delete(key));
    return opening;
  }

  async #lock(key: string): Promise<AsyncDisposable> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    return lockTemplate(this.#folder, key, this.#closing.signal);
  }

  async #make(image: TemplateImage, memoryMib: number, version: string, key: string): Promise<Template> {
    await using _lock = await this.#lock(key);
    const folder = join(this.#folder, key);
    if ((await readTemplateFile(folder).catch(() => null)) === null) {
      await rm(folder, { recursive: true, force: true });
      await removeStale(this.#folder);
      await this.#boot(image, folder, { key, image: image.digest, arch: image.arch, memoryMib, qemuVersion: version });
    }
    return this.#openLocked(folder);
  }

  async #boot(
    image: TemplateImage,
    folder: string,
    file: { key: string; image: string; arch: Arch; memoryMib: number; qemuVersion: string },
  ): Promise<void> {
    const { workFolder, confinement, groups } = this.#options;
    const name = `template-${randomUUID()}`;
    const group = (await groups?.create(name, machineLimits(file.memoryMib, MAKING_CPU_PERCENT))) ?? null;
    try {
      const place = { name, folder: join(workFolder, name), confinement, group };
      await makeTemplate({
        ...{ image, folder, place, file: { format: TEMPLATE_FORMAT, ...file } },
        signal: this.#closing.signal,
      });
    } finally {
      await group?.remove();
    }
  }

  async #openFolder(key: string): Promise<Template> {
    await using _lock = await this.#lock(key);
    return this.#openLocked(join(this.#folder, key));
  }

  async #openLocked(folder: string): Promise<Template> {
    await touchTemplate(folder);
    return await openTemplate(folder, join(this.#options.cacheFolder, "native"));
  }

  async #removeUnused(key: string): Promise<boolean> {
    const unused = async (): Promise<boolean> => {
      const used = await lastUseMs(join(this.#folder, key)).catch(() => Date.now());
      return Date.now() - used > TEMPLATE_KEEP_MS;
    };
    if (!(await unused())) return false;
    await using _lock = await this.#lock(key);
    // Another process may have opened or removed it while we waited; so may we ourselves.
    if (this.#open.has(key) || !(await unused())) return false;
    await removeTemplate(this.#folder, key);
    return true;
  }

  async #touchOpen(): Promise<void> {
    for (const key of this.#open.keys()) await touchTemplate(join(this.#folder, key));
  }
}
