import { statSync } from "node:fs";
import type { Arch } from "@ringside/shared";
import { qemuBinary } from "./qemu-args.ts";
import { runTool } from "./qemu-process.ts";

const VERSION_CHARS_MAX = 200;

/** QEMU's version, asked once for as long as the program's file stays the same: an upgrade is seen at once. */
export class QemuVersions {
  readonly #known = new Map<Arch, { readonly file: string; readonly version: Promise<string> }>();
  readonly #program: (arch: Arch) => string;

  /** @param program where QEMU is; another one only in tests */
  constructor(program: (arch: Arch) => string = qemuBinary) {
    this.#program = program;
  }

  /** For example `QEMU emulator version 7.2.22 (Debian …)`. @throws RingsideError `internal` where there is no QEMU */
  async of(arch: Arch): Promise<string> {
    const program = this.#program(arch);
    const found = statSync(program, { throwIfNoEntry: false }); // where it is missing, the tool says so
    const file = found === undefined ? "missing" : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`;
    const known = this.#known.get(arch);
    if (known?.file === file) return known.version;
    const version = ask(program);
    const asked = { file, version };
    this.#known.set(arch, asked);
    version.catch(() => this.#known.get(arch) === asked && this.#known.delete(arch));
    return version;
  }
}

async function ask(program: string): Promise<string> {
  const [first = ""] = (await runTool(program, ["--version"])).split("\n");
  return first.trim().slice(0, VERSION_CHARS_MAX);
}
