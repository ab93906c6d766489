import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Image, imagePath } from "@ringside/image";
import { freePort } from "../box/free-port.ts";
import { BENCH_STEP_MS, CONSOLE_KEPT_CHARS } from "../limits.ts";
import { type Child, startChild } from "./child.ts";

/** A QEMU as a student starts it by hand: `qemu … -S -gdb tcp:…`, nothing in between. What the bench compares with. */
export interface QemuByHand extends AsyncDisposable {
  readonly child: Child;
  /** Where its stub listens. */
  readonly stub: { readonly host: string; readonly port: number };
  readonly console: Socket;
  /** Waits until the console shows `text`. */
  readonly shows: (text: string) => Promise<void>;
}

const HOST = "127.0.0.1";
const MEMORY_MIB = 64;
const STOP_MS = 2_000;

/** Starts QEMU on an image, its CPU stopped at the first instruction. */
export async function startQemuByHand(image: Image): Promise<QemuByHand> {
  const folder = await mkdtemp(join(tmpdir(), "rs-hand-"));
  const consolePath = join(folder, "console.sock");
  const stub = { host: HOST, port: (await freePort(HOST)) ?? 0 };
  const child = await startChild({
    command: "qemu-system-x86_64",
    args: [
      ...["-m", String(MEMORY_MIB), "-display", "none", "-no-reboot", "-S"],
      ...["-kernel", imagePath(image, "kernel"), "-initrd", imagePath(image, "initrd")],
      ...["-append", image.manifest.commandLine],
      ...["-chardev", `socket,id=console,path=${consolePath},server=on,wait=off`, "-serial", "chardev:console"],
      ...["-gdb", `tcp:${stub.host}:${stub.port}`],
    ],
    env: { PATH: "/usr/bin:/bin" },
    deathSignal: "KILL",
  });
  const close = async () => {
    await child.stop("SIGTERM", STOP_MS);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const console = await connectWhenThere(consolePath, child);
    let shown = "";
    console.setEncoding("latin1").on("data", (text: string) => {
      shown = (shown + text).slice(-CONSOLE_KEPT_CHARS);
    });
    const shows = async (text: string) => {
      const deadline = Date.now() + BENCH_STEP_MS;
      while (!shown.includes(text)) {
        if (Date.now() > deadline || !child.running()) throw new Error(`the console does not show ${text}`);
        await sleep(1);
      }
    };
    return { child, stub, console, shows, [Symbol.asyncDispose]: close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function connectWhenThere(path: string, child: Child): Promise<Socket> {
  const deadline = Date.now() + BENCH_STEP_MS;
  for (;;) {
    const socket = createConnection({ path });
    const connected = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (connected) return socket;
    if (!child.running() || Date.now() > deadline) throw new Error(`QEMU does not open ${path}`);
    await sleep(1);
  }
}
