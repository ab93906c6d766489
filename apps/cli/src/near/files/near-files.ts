import { type FileHandle, open, stat } from "node:fs/promises";
import { parsePacket, READ_FAILED, readReply, transferReply, VirtualFiles } from "@ringside/rsp";

/** A file of this machine, and what gdb is to call it. */
export interface NearFile {
  readonly name: string;
  readonly path: string;
}

export interface NearFilesOptions {
  /** The file that gdb debugs. */
  readonly kernel: NearFile;
  readonly programs: readonly NearFile[];
  /**
   * "local": gdb is told the kernel's path and reads it itself, as a target without host I/O makes it do.
   * "served": gdb reads through vFile packets: for a gdb that does not see this machine's files.
   */
  readonly how: "local" | "served";
}

/** A file system of the near agent's for one gdb: `qXfer:exec-file:read` and `vFile`. */
export class NearFiles implements AsyncDisposable {
  /** What it adds to the answer to qSupported. */
  static readonly OFFER = "qXfer:exec-file:read+";

  readonly #options: NearFilesOptions;
  readonly #files: VirtualFiles | null;
  readonly #paths: ReadonlyMap<string, string>;
  readonly #handles = new Map<string, FileHandle>();

  private constructor(options: NearFilesOptions, files: VirtualFiles | null) {
    this.#options = options;
    this.#files = files;
    this.#paths = new Map(this.#all.map(({ name, path }) => [asBytes(name), path]));
  }

  /** @throws Error where a file cannot be looked at */
  static async open(options: NearFilesOptions): Promise<NearFiles> {
    if (options.how === "local") return new NearFiles(options, null);
    const all = [options.kernel, ...options.programs];
    const sizes = await Promise.all(
      all.map(async ({ name, path }) => ({ path: asBytes(name), bytes: (await stat(path)).size })),
    );
    return new NearFiles(options, new VirtualFiles(sizes));
  }

  /**
   * Answers a packet.
   * @returns the reply's payload; null for a packet that is not about files
   */
  async answerFile(payload: string): Promise<string | null> {
    const packet = parsePacket(payload);
    if (packet.kind === "qXfer" && packet.object === "exec-file" && packet.operation === "read") {
      const { kernel, how } = this.#options;
      return transferReply(asBytes(how === "local" ? kernel.path : kernel.name), packet.offset, packet.length);
    }
    if (packet.kind !== "vFile") return null;
    // Not supported: with that, gdb takes the file system for its own.
    if (this.#files === null) return "";
    const outcome = this.#files.take(packet.request);
    return outcome.kind === "reply" ? outcome.payload : this.#read(outcome);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    await Promise.allSettled(handles.map((handle) => handle.close()));
  }

  get #all(): readonly NearFile[] {
    return [this.#options.kernel, ...this.#options.programs];
  }

  async #read({ path, offset, bytes }: { readonly path: string; readonly offset: number; readonly bytes: number }) {
    try {
      const handle = this.#handles.get(path) ?? (await open(this.#paths.get(path) ?? "", "r"));
      this.#handles.set(path, handle);
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(bytes), 0, bytes, offset);
      return readReply(buffer.subarray(0, bytesRead));
    } catch {
      return READ_FAILED;
    }
  }
}

/** Text as packets carry it: one character per byte. */
const asBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
