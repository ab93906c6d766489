import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompressSync } from "node:zlib";
import { KERNEL_SOURCE_ROOT } from "@ringside/image";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, openBed } from "../testing/bed.ts";
import { writeImage } from "../testing/files.ts";

/** An image whose kernel is a small program, built under the name that kernels are built under. */
const run = promisify(execFile);
const BUILD_ID = "00112233445566778899aabbccddeeff00112233";
const SOURCE =
  "int the_listen(int backlog)\n{\n  return backlog; /* stop here */\n}\nint main(void) { return the_listen(5); }\n";

let bed: Bed;
let folder: string;
let debug: Buffer;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  folder = await mkdtemp(join(tmpdir(), "ringside-debuginfod-"));
  await mkdir(join(folder, "tree", "net"), { recursive: true });
  await writeFile(join(folder, "tree", "net", "socket.c"), SOURCE);
  const program = join(folder, "vmlinux");
  const flags = ["-g", "-O0", `-ffile-prefix-map=${join(folder, "tree")}=${KERNEL_SOURCE_ROOT}`];
  await run("gcc", [...flags, `-Wl,--build-id=0x${BUILD_ID}`, "-o", program, "net/socket.c"], {
    cwd: join(folder, "tree"),
  });
  debug = await readFile(program);
  const cache = join(dirname(bed.dataDir), "cache");
  const { name, inputsDigest } = await writeImage(cache, "debug-image", debug);
  const archive = join(cache, "images", name, inputsDigest, "sources.tar.gz");
  await run("tar", ["-czf", archive, "-C", join(folder, "tree"), "net/socket.c"]);
  await bed.api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const url = () => `http://127.0.0.1:${(bed.api.app.server.address() as AddressInfo).port}`;
const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`${url()}/buildid/${path}`, { method, headers: { "accept-encoding": "identity", ...headers } });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

/** One request, byte for byte: fetch would tidy the path and undo the encoding. */
async function raw(path: string, headers = ""): Promise<Buffer> {
  const socket = connect((bed.api.app.server.address() as AddressInfo).port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks);
}

describe("a debug file", () => {
  it.each(["debuginfo", "executable"])("is there as %s by its build-id, for anybody", async (artifact) => {
    const response = await get(`${BUILD_ID}/${artifact}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("x-debuginfod-size")).toBe(String(debug.length));
    expect(response.headers.get("x-debuginfod-file")).toBe("vmlinux");
    expect(response.headers.get("content-length")).toBe(String(debug.length));
    expect((await bytesOf(response)).equals(debug)).toBe(true);
  });

  it("is sent small to who takes zstd", async () => {
    const answer = await raw(`/buildid/${BUILD_ID}/debuginfo`, "accept-encoding: deflate, gzip, br, zstd\r\n");
    const split = answer.indexOf("\r\n\r\n");
    const head = answer.toString("latin1", 0, split).toLowerCase();
    expect(head).toContain("content-encoding: zstd");
    expect(head).toContain(`x-debuginfod-size: ${debug.length}`);
    const bytes = Number(/content-length: (\d+)/.exec(head)?.[1]);
    expect(bytes).toBeLessThan(debug.length);
    expect(zstdDecompressSync(answer.subarray(split + 4)).equals(debug)).toBe(true);
  });

  it("is sent in parts, and not again to who has it", async () => {
    const part = await get(`${BUILD_ID}/debuginfo`, { range: "bytes=100-199" });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes 100-199/${debug.length}`);
    expect((await bytesOf(part)).equals(debug.subarray(100, 200))).toBe(true);
    expect((await get(`${BUILD_ID}/debuginfo`, { range: `bytes=${debug.length}-` })).status).toBe(416);
    const etag = part.headers.get("etag") ?? "";
    expect((await get(`${BUILD_ID}/debuginfo`, { "if-none-match": etag })).status).toBe(304);
    const head = await get(`${BUILD_ID}/debuginfo`, {}, "HEAD");
    expect(head.headers.get("content-length")).toBe(String(debug.length));
    expect(await head.text()).toBe("");
  });

  it("is not there for another build-id", async () => {
    expect((await get(`${"0f".repeat(20)}/debuginfo`)).status).toBe(404);
    expect((await get(`${BUILD_ID}/section`)).status).toBe(400);
    for (const id of ["xyz", "0", "0".repeat(129), "..%2f..%2fetc"]) {
      expect([400, 404]).toContain((await get(`${id}/debuginfo`)).status);
    }
  });
});

describe("a source file", () => {
  it("is there by the absolute path of the debug information", async () => {
    const response = await get(`${BUILD_ID}/source${KERNEL_SOURCE_ROOT}/net/socket.c`);
    expect(response.status).toBe(200);
    expect(response.headers.get("x-debuginfod-size")).toBe(String(SOURCE.length));
    expect(await response.text()).toBe(SOURCE);
    const part = await get(`${BUILD_ID}/source${KERNEL_SOURCE_ROOT}/net/socket.c`, { range: "bytes=4-13" });
    expect(await part.text()).toBe("the_listen");
    const crooked = await raw(`/buildid/${BUILD_ID}/source${KERNEL_SOURCE_ROOT}/net/../././net/socket.c`);
    expect(crooked.toString().endsWith(SOURCE)).toBe(true);
  });

  it.each([
    "/etc/passwd",
    `${KERNEL_SOURCE_ROOT}/net/none.c`,
    `${KERNEL_SOURCE_ROOT}/../../../etc/passwd`,
    `${KERNEL_SOURCE_ROOT}/%2e%2e/%2e%2e/%2e%2e/etc/passwd`,
    `${KERNEL_SOURCE_ROOT}/net/socket.c/`,
    `${KERNEL_SOURCE_ROOT}/net%00/socket.c`,
    `${KERNEL_SOURCE_ROOT}/__proto__`,
    `${KERNEL_SOURCE_ROOT}-other/net/socket.c`,
    "",
  ])("is none at %s", async (path) => {
    const answer = await raw(`/buildid/${BUILD_ID}/source${path}`);
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 (?:400|404) /);
  });
});

describe("gdb", () => {
  it("gets debug information and sources by itself for a program that has neither", async () => {
    const stripped = join(folder, "stripped");
    await run("objcopy", ["--strip-all", join(folder, "vmlinux"), stripped]);
    const env = {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      DEBUGINFOD_URLS: url(),
      DEBUGINFOD_CACHE_PATH: join(folder, "client"),
    };
    const commands = ["-iex", "set debuginfod enabled on", "-ex", "list the_listen"];
    const { stdout } = await run("gdb", ["-nx", "-batch", ...commands, stripped], { env, timeout: 20_000 });
    expect(stdout).toContain("return backlog; /* stop here */");
  });
});
