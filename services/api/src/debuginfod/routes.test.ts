import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompressSync } from "node:zlib";
import { SOURCE_TREES } from "@ringside/image";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, openBed } from "../testing/bed.ts";
import { writeImage } from "../testing/files.ts";

/** An image whose kernel is a small program, built under the name that kernels are built under; so is its program. */
const run = promisify(execFile);
const BUILD_ID = "00112233445566778899aabbccddeeff00112233";
const PROGRAM_BUILD_ID = "ff112233445566778899aabbccddeeff00112233";
const KERNEL = SOURCE_TREES.kernel.root;
const PROGRAMS = SOURCE_TREES.programs.root;
const SOURCE =
  "int the_listen(int backlog)\n{\n  return backlog; /* stop here */\n}\nint main(void) { return the_listen(5); }\n";

let bed: Bed;
let folder: string;
let debug: Buffer;
let program: Buffer;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  folder = await mkdtemp(join(tmpdir(), "ringside-debuginfod-"));
  await mkdir(join(folder, "tree", "net"), { recursive: true });
  await writeFile(join(folder, "tree", "net", "socket.c"), SOURCE);
  const tree = join(folder, "tree");
  await writeFile(join(tree, "menu.c"), "int main(void) { return 0; }\n");
  const build = async (name: string, source: string, id: string, root: string) => {
    const flags = ["-g", "-O0", `-ffile-prefix-map=${tree}=${root}`, `-Wl,--build-id=0x${id}`];
    await run("gcc", [...flags, "-o", join(folder, name), source], { cwd: tree });
    return readFile(join(folder, name));
  };
  debug = await build("vmlinux", "net/socket.c", BUILD_ID, KERNEL);
  program = await build("menuos", "menu.c", PROGRAM_BUILD_ID, PROGRAMS);
  const cache = join(dirname(bed.dataDir), "cache");
  const { name, inputsDigest } = await writeImage(cache, "debug-image", debug, program);
  const image = join(cache, "images", name, inputsDigest);
  await run("tar", ["-czf", join(image, SOURCE_TREES.kernel.archive), "-C", tree, "net/socket.c"]);
  await run("tar", ["-czf", join(image, SOURCE_TREES.programs.archive), "-C", tree, "menu.c"]);
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
    const response = await get(`${BUILD_ID}/source${KERNEL}/net/socket.c`);
    expect(response.status).toBe(200);
    expect(response.headers.get("x-debuginfod-size")).toBe(String(SOURCE.length));
    expect(await response.text()).toBe(SOURCE);
    const part = await get(`${BUILD_ID}/source${KERNEL}/net/socket.c`, { range: "bytes=4-13" });
    expect(await part.text()).toBe("the_listen");
    const crooked = await raw(`/buildid/${BUILD_ID}/source${KERNEL}/net/../././net/socket.c`);
    expect(crooked.toString().endsWith(SOURCE)).toBe(true);
  });

  it.each([
    "/etc/passwd",
    `${KERNEL}/net/none.c`,
    `${KERNEL}/../../../etc/passwd`,
    `${KERNEL}/%2e%2e/%2e%2e/%2e%2e/etc/passwd`,
    `${KERNEL}/net/socket.c/`,
    `${KERNEL}/net%00/socket.c`,
    `${KERNEL}/__proto__`,
    `${KERNEL}-other/net/socket.c`,
    "",
  ])("is none at %s", async (path) => {
    const answer = await raw(`/buildid/${BUILD_ID}/source${path}`);
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 (?:400|404) /);
  });
});

describe("a program of the lab", () => {
  it("is there by its build-id, with its own sources and no others", async () => {
    for (const artifact of ["debuginfo", "executable"]) {
      const response = await get(`${PROGRAM_BUILD_ID}/${artifact}`);
      expect(response.headers.get("x-debuginfod-file")).toBe("menuos");
      expect((await bytesOf(response)).equals(program)).toBe(true);
    }
    const source = await get(`${PROGRAM_BUILD_ID}/source${PROGRAMS}/menu.c`);
    expect(await source.text()).toBe("int main(void) { return 0; }\n");
    expect((await get(`${PROGRAM_BUILD_ID}/source${KERNEL}/net/socket.c`)).status).toBe(404);
    expect((await get(`${BUILD_ID}/source${PROGRAMS}/menu.c`)).status).toBe(404);
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
