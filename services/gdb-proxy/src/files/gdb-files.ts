import { type FileHandle, open } from "node:fs/promises";
import { parsePacket, READ_FAILED, readReply, transferReply, VirtualFiles } from "@ringside/rsp";
import type { CellFile, FileSet } from "./cell-files.ts";
import { applyPatches } from "./without-debug.ts";

/**
 * Files for one gdb that is connected without a near agent: `qXfer:exec-file:read` and `vFile`, read-only. They have
 * nothing to do with the machine, so neither the hub nor the trace sees these packets.
 */
export class GdbFiles {
  /** What is added to the answer to qSupported. */
  static readonly OFFER = "qXfer:exec-file:read+";

  readonly #main: CellFile;
  readonly #files: VirtualFiles;
  readonly #byPath: ReadonlyMap<string, CellFile>;
  readonly #handles = new Map<CellFile, Promise<FileHandle>>();
  #state: "open" | "closed" = "open";

  constructor({ main, all }: FileSet) {
    this.#main = main;
    this.#files = new VirtualFiles(all);
    this.#byPath = new Map(all.map((file) => [file.path, file]));
  }

  /** The answer to a packet, which never fails; null for a packet that is not about files. */
  answer(payload: string): Promise<string> | null {
    const packet = parsePacket(payload);
    if (packet.kind === "qXfer" && packet.object === "exec-file" && packet.operation === "read") {
      return Promise.resolve(transferReply(this.#main.path, packet.offset, packet.length));
    }
    if (packet.kind !== "vFile") return null;
    const outcome = this.#files.take(packet.request);
    if (outcome.kind === "reply") return Promise.resolve(outcome.payload);
    const file = this.#byPath.get(outcome.path);
    if (file === undefined || this.#state === "closed") return Promise.resolve(READ_FAILED);
    return this.#read(file, outcome.offset, outcome.bytes).catch(() => READ_FAILED);
  }

  /** The connection has ended. */
  close(): void {
    this.#state = "closed";
    for (const handle of this.#handles.values()) {
      handle.then((file) => file.close()).catch(() => undefined);
    }
    this.#handles.clear();
  }

  async #read(file: CellFile, offset: number, bytes: number): Promise<string> {
    const opening = this.#handles.get(file) ?? open(file.hostPath, "r");
    this.#handles.set(file, opening);
    const { buffer, bytesRead } = await (await opening).read(Buffer.allocUnsafe(bytes), 0, bytes, offset);
    const read = buffer.subarray(0, bytesRead);
    applyPatches(file.patches, read, offset);
    return readReply(read);
  }
}
