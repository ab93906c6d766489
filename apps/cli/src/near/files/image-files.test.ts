import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import type { ImageManifest } from "@ringside/shared";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../../api/calls.ts";
import { FETCH_PART_BYTES } from "../../limits.ts";
import { ImageFiles } from "./image-files.ts";

const IMAGE = "ab".repeat(32);
/** Compressed, this takes three parts. */
const CONTENT = Buffer.concat([randomBytes(2 * FETCH_PART_BYTES + 12_345), Buffer.alloc(1_000_000, "DWARF")]);
const FILE = {
  path: "vmlinux",
  sha256: createHash("sha256").update(CONTENT).digest("hex"),
  bytes: CONTENT.length,
};
const SMALL = zstdCompressSync(CONTENT);

const file = (path: string) => ({ path, sha256: "00".repeat(32), bytes: 1 });
/** As the server tells it; another image of it has the same kernel. */
const manifestOf = (digest: string): ImageManifest => ({
  ...{ format: 1, name: "an-image", arch: "x86_64", digest, inputsDigest: "cd".repeat(32), kernelRelease: "6.1" },
  ...{ commandLine: "quiet", prompt: ">", programs: {}, aliases: [] },
  files: {
    kernel: file("bzImage"),
    initrd: file("initrd"),
    symbols: file("System.map"),
    debug: FILE,
    functions: file("functions.json"),
  },
});

type Answer = (request: IncomingMessage, response: ServerResponse, first: number, last: number) => void;

let answer: Answer;
let asked: string[] = [];
let folder: string;
const server = createServer((request, response) => {
  const manifest = /^\/v1\/images\/([0-9a-f]{64})$/.exec(request.url ?? "")?.[1];
  if (manifest !== undefined) {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(manifestOf(manifest)));
    return;
  }
  const [, first = "0", last = "0"] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  asked.push(request.headers.range ?? "all");
  answer(request, response, Number(first), Number(last));
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => server.close());
afterEach(async () => {
  asked = [];
  await rm(folder, { recursive: true, force: true });
});

const parts: Answer = (_request, response, first, last) => {
  const end = Math.min(last + 1, SMALL.length);
  response.writeHead(206, {
    "content-type": "application/zstd",
    "content-range": `bytes ${first}-${end - 1}/${SMALL.length}`,
    "content-length": end - first,
    etag: '"small"',
  });
  response.end(SMALL.subarray(first, end));
};

async function need(files: ImageFiles, signal = new AbortController().signal, image = IMAGE): Promise<string> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const api = createApi({ url, token: undefined, signal });
  return files.need(image, "debug", { api, signal, onProgress: () => undefined });
}

async function fresh(): Promise<ImageFiles> {
  folder = await mkdtemp(join(tmpdir(), "ringside-files-"));
  return new ImageFiles(folder);
}

/** What is left of it all. */
const left = () => readdir(join(folder, "files"));

describe("a file of an image", () => {
  it("comes in parts, whole, and is then there without asking", async () => {
    answer = parts;
    const files = await fresh();
    expect(await files.find(IMAGE, "debug")).toBeNull();
    const path = await need(files);
    expect((await readFile(path)).equals(CONTENT)).toBe(true);
    expect(asked).toHaveLength(Math.ceil(SMALL.length / FETCH_PART_BYTES));
    expect(asked.length).toBeGreaterThan(2);
    expect(await need(files)).toBe(path);
    expect(await files.find(IMAGE, "debug")).toBe(path);
    expect(asked).toHaveLength(Math.ceil(SMALL.length / FETCH_PART_BYTES));
    expect(await left()).toEqual([FILE.sha256]);
  });

  it("is shared by images that have the same", async () => {
    answer = parts;
    const files = await fresh();
    const path = await need(files);
    expect(await need(files, undefined, "ef".repeat(32))).toBe(path);
    expect(await files.find("ef".repeat(32), "debug")).toBe(path);
    expect(await left()).toEqual([FILE.sha256]);
  });

  it("is fetched once for several who want it at the same time", async () => {
    answer = parts;
    const files = await fresh();
    const other = new ImageFiles(folder);
    expect(new Set(await Promise.all([need(files), need(other), need(files)])).size).toBe(1);
    expect(new Set(asked).size).toBe(asked.length);
  });

  it("comes from a server that knows neither parts nor zstd", async () => {
    answer = (_request, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": CONTENT.length });
      response.end(CONTENT);
    };
    expect((await readFile(await need(await fresh()))).equals(CONTENT)).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it("asks again for parts that break off", async () => {
    const broken = new Set<number>();
    answer = (request, response, first, last) => {
      if (broken.has(first)) return parts(request, response, first, last);
      broken.add(first);
      response.writeHead(206, {
        "content-type": "application/zstd",
        "content-range": `bytes ${first}-${last}/${SMALL.length}`,
        "content-length": Math.min(last + 1, SMALL.length) - first,
        etag: '"small"',
      });
      response.write(SMALL.subarray(first, first + 100), () => response.destroy());
    };
    expect((await readFile(await need(await fresh()))).equals(CONTENT)).toBe(true);
  });

  it("is not taken where its bytes are others than the image has, and leaves nothing behind", async () => {
    const files = await fresh();
    const lies = zstdCompressSync(Buffer.concat([CONTENT.subarray(1), Buffer.from("x")]));
    answer = (_request, response) => {
      response.writeHead(200, { "content-type": "application/zstd", "content-length": lies.length });
      response.end(lies);
    };
    await expect(need(files)).rejects.toThrow(/sha256/);
    answer = (_request, response) => {
      const bomb = zstdCompressSync(Buffer.alloc(2 * CONTENT.length));
      response.writeHead(200, { "content-type": "application/zstd", "content-length": bomb.length });
      response.end(bomb);
    };
    await expect(need(files)).rejects.toThrow(/longer/);
    answer = (_request, response) => {
      response.writeHead(200, { "content-type": "application/zstd", "content-length": 5 });
      response.end("trash");
    };
    await expect(need(files)).rejects.toThrow();
    expect(await left()).toEqual([]);
    // What is wrong is known before all of it has arrived.
    answer = (_request, response) => {
      const begin = zstdCompressSync(Buffer.alloc(2 * CONTENT.length));
      response.writeHead(200, { "content-type": "application/zstd", "content-length": begin.length + 1_000_000 });
      response.write(begin);
    };
    await expect(need(files)).rejects.toThrow(/longer/);
    expect(await left()).toEqual([]);
    answer = parts;
    await expect(need(files)).resolves.toContain("vmlinux");
  });

  it("stops at Ctrl-C", async () => {
    const files = await fresh();
    const ending = new AbortController();
    answer = () => ending.abort(new Error("interrupted"));
    await expect(need(files, ending.signal)).rejects.toThrow();
    expect(await left()).toEqual([]);
  });
});
