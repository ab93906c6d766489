import { createHash } from "node:crypto";
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
