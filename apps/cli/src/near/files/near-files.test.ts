import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Decoder, encodePacket, hexOfBytes, parsePacket } from "@ringside/rsp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NearFiles } from "./near-files.ts";

const run = promisify(execFile);
let folder: string;
let kernel: { readonly name: string; readonly path: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-near-"));
  await writeFile(
    join(folder, "kernel.c"),
    "int the_listen(int backlog) { return backlog; }\nint main(void) { return 0; }\n",
  );
  const path = join(folder, "a kernel");
  await run("gcc", ["-g", "-O0", "-no-pie", "-o", path, join(folder, "kernel.c")]);
  kernel = { name: "/image/vmlinux", path };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const EXEC_FILE = "qXfer:exec-file:read::0,fff";

describe("near files", () => {
  it("name the kernel's own path to a gdb that reads it itself, and do without vFile", async () => {
    await using files = await NearFiles.open({ kernel, programs: [], how: "local" });
    expect(await files.answerFile(EXEC_FILE)).toBe(`l${kernel.path}`);
    expect(await files.answerFile("qXfer:exec-file:read:1:0,3")).toBe(`m${kernel.path.slice(0, 3)}`);
    expect(await files.answerFile(`vFile:open:${hexOfBytes(kernel.path)},0,1c0`)).toBe("");
  });

  it("leave all other packets to others", async () => {
    await using files = await NearFiles.open({ kernel, programs: [], how: "served" });
    for (const payload of ["g", "m0,1", "qXfer:features:read:target.xml:0,fff", "qSupported", "?"]) {
      expect(await files.answerFile(payload)).toBeNull();
    }
  });

  it("serve what they have, and say that a file which is gone cannot be read", async () => {
    const text = { name: "/image/programs/menuos", path: join(folder, "menuos") };
    await writeFile(text.path, "a program");
    await using files = await NearFiles.open({ kernel, programs: [text], how: "served" });
    expect(await files.answerFile(`vFile:open:${hexOfBytes(text.name)},0,1c0`)).toBe("F0");
    expect(await files.answerFile("vFile:pread:0,7,2")).toBe("F7;program");
    expect(await files.answerFile(`vFile:open:${hexOfBytes("/etc/passwd")},0,1c0`)).toBe("F-1,2");
    await using others = await NearFiles.open({ kernel, programs: [text], how: "served" });
    await rm(text.path);
    await others.answerFile(`vFile:open:${hexOfBytes(text.name)},0,1c0`);
    expect(await others.answerFile("vFile:pread:0,7,2")).toBe("F-1,5");
  });
});

/** A target that stands still and has nothing but these files. */
function standing(payload: string): string {
  const packet = parsePacket(payload);
  switch (packet.kind) {
    case "qSupported":
      return `PacketSize=4000;${NearFiles.OFFER};qXfer:features:read+`;
    case "qXfer":
      return "l<target><architecture>i386:x86-64</architecture></target>";
    case "?":
      return "T05thread:01;";
    case "g":
      return "0".repeat(2 * 536);
    case "m":
      return "00".repeat(packet.length);
    case "qAttached":
      return "1";
    case "qfThreadInfo":
      return "m01";
    case "qsThreadInfo":
      return "l";
    case "H":
    case "T":
    case "D":
      return "OK";
    default:
      return "";
  }
}

describe("gdb without a file", () => {
  it.each(["local", "served"] as const)("gets the kernel's symbols and types (%s)", async (how) => {
    await using files = await NearFiles.open({ kernel, programs: [], how });
    await using server = createServer((socket) => {
      const decoder = new Decoder({ runLength: false });
      let last = Promise.resolve();
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk) =>
        decoder.push(chunk, (frame) => {
          if (frame.kind !== "packet") return;
          last = last.then(async () => {
            const reply = (await files.answerFile(frame.payload)) ?? standing(frame.payload);
            socket.write(Buffer.concat([Buffer.from("+"), encodePacket(reply)]));
          });
        }),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const commands = ["-ex", `target remote ${address}`, "-ex", "whatis the_listen", "-ex", "info line the_listen"];
    const { stdout } = await run("gdb", ["-nx", "-batch", ...commands], { timeout: 20_000 });
    expect(stdout).toContain("type = int (int)");
    expect(stdout).toMatch(/Line 1 of ".*kernel\.c" starts at address/);
  });
});
