import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person } from "../testing/bed.ts";

let bed: Bed;
let ann: Person;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  ({ ann } = await makeCourse(bed, "os-2026", { ann: "student" }));
});
afterAll(() => bed[Symbol.asyncDispose]());

const file = (key: string, headers = {}) => ann.call("GET", `/v1/images/${bed.image.digest}/files/${key}`, { headers });

describe("an image", () => {
  it("is shown by its digest", async () => {
    expect((await ann.call("GET", `/v1/images/${bed.image.digest}`)).body).toEqual(bed.image);
  });

  it.each(["kernel", "initrd", "symbols", "debug", "functions", "menuos"])("gives its file %s", async (key) => {
    const known = new Map(Object.entries({ ...bed.image.programs, ...bed.image.files })).get(key);
    const { status, headers, text } = await file(key);
    expect(status).toBe(200);
    expect(createHash("sha256").update(text).digest("hex")).toBe(known?.sha256);
    expect(headers["content-length"]).toBe(String(known?.bytes));
    expect(headers.etag).toBe(`"${known?.sha256}"`);
  });

  it("gives a file in parts", async () => {
    const whole = await file("symbols");
    const part = await file("symbols", { range: "bytes=5-9" });
    expect(part).toMatchObject({ status: 206, text: whole.text.slice(5, 10) });
    expect(part.headers["content-range"]).toBe(`bytes 5-9/${whole.text.length}`);
    const etag = String(whole.headers.etag);
    expect((await file("symbols", { range: "bytes=5-9", "if-range": etag })).status).toBe(206);
    expect((await file("symbols", { range: "bytes=5-9", "if-range": '"another"' })).status).toBe(200);
    expect(await file("symbols", { range: "bytes=100000-" })).toMatchObject({ status: 416, text: "" });
  });

  it("gives a file in zstd form, compressed once, and parts of that", async () => {
    const get = (headers = {}) => ann.call("GET", `/v1/images/${bed.image.digest}/files/symbols?as=zstd`, { headers });
    const answers = await Promise.all([get(), get(), get()]);
    for (const { status, headers } of answers) {
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe("application/zstd");
      expect(headers.etag).toBe(`"${bed.image.files.symbols.sha256}-zstd"`);
    }
    const kept = join(bed.dataDir, "compressed");
    expect(readdirSync(kept)).toEqual([`${bed.image.files.symbols.sha256}.zst`]);
    const bytes = readFileSync(join(kept, `${bed.image.files.symbols.sha256}.zst`));
    const plain = zstdDecompressSync(bytes);
    expect(createHash("sha256").update(plain).digest("hex")).toBe(bed.image.files.symbols.sha256);
    const part = await get({ range: "bytes=0-3" });
    expect(part).toMatchObject({ status: 206 });
    expect(part.headers["content-range"]).toBe(`bytes 0-3/${bytes.length}`);
    expect((await ann.call("GET", `/v1/images/${bed.image.digest}/files/symbols?as=gzip`)).status).toBe(400);
  });

  it("is not sent again to who has it", async () => {
    const { headers } = await file("debug");
    const again = await file("debug", { "if-none-match": String(headers.etag) });
    expect(again).toMatchObject({ status: 304, text: "" });
  });

  it("has no other files", async () => {
    for (const key of ["nothing", "constructor", "manifest", "tostring"]) {
      expect((await file(key)).status).toBe(404);
    }
    expect((await file("..%2fmanifest.json")).status).toBe(400);
    expect((await ann.call("GET", `/v1/images/${"0".repeat(64)}`)).status).toBe(404);
    // A name or the digest of its inputs is no address of it.
    expect((await ann.call("GET", `/v1/images/${bed.image.inputsDigest}`)).status).toBe(404);
  });
});
