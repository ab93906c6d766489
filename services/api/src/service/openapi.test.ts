import { ERROR_CODES, ERRORS } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, openBed } from "../testing/bed.ts";

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

let bed: Bed;
let document: { readonly openapi: string; readonly paths: Record<string, Record<string, Operation>> };
let operations: readonly (readonly [string, Operation])[];

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  document = (await bed.as(null)("GET", "/v1/openapi.json")).body;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  );
});
afterAll(() => bed[Symbol.asyncDispose]());

describe("the OpenAPI document", () => {
  it("is of version 3.1 and describes every operation", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(operations.length).toBeGreaterThanOrEqual(30);
    for (const [name, operation] of operations) {
      expect(operation.summary, name).toBeTruthy();
      expect(operation.tags, name).toHaveLength(1);
    }
  });

  it("gives every operation its errors, in the one form, with their codes", () => {
    for (const [name, { responses, security }] of operations) {
      const statuses = Object.keys(responses);
      expect(statuses, name).toEqual(expect.arrayContaining(["400", "429", "500", "503"]));
      expect(statuses.includes("401"), name).toBe(security === undefined);
      for (const [status, { content, description }] of Object.entries(responses)) {
        if (Number(status) >= 400 && name !== "GET /readyz") {
          expect(JSON.stringify(content), `${name} ${status}`).toContain("#/components/schemas/Error");
          const codes = ERROR_CODES.filter((code) => description.includes(`\`${code}\``));
          expect(codes.length, `${name} ${status}`).toBeGreaterThan(0);
          expect(codes.every((code) => ERRORS[code].status === Number(status))).toBe(true);
        }
      }
    }
  });

  it("refers only to what it defines", () => {
    const text = JSON.stringify(document);
    const defined = new Set(Object.keys((document as { components?: { schemas?: object } }).components?.schemas ?? {}));
    const references = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? "");
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter((name) => !defined.has(name))).toEqual([]);
  });

  it("says that a session needs an Idempotency-Key, and which answers are files", () => {
    const { parameters } = document.paths["/v1/sessions"]?.post ?? { parameters: [] };
    expect(parameters).toContainEqual(
      expect.objectContaining({ name: "idempotency-key", in: "header", required: true }),
    );
    const trace = document.paths["/v1/submissions/{id}/trace"]?.get?.responses["200"];
    expect(Object.keys(trace?.content ?? {})).toEqual(["application/x-ndjson"]);
    const file = document.paths["/v1/images/{digest}/files/{key}"]?.get?.responses["200"];
    expect(Object.keys(file?.content ?? {})).toEqual(["application/octet-stream"]);
  });
});

describe("metrics", () => {
  it("count by route, without ids", async () => {
    await bed.as(null)("GET", `/v1/sessions/ses_${"1".repeat(20)}`);
    const { text } = await bed.as(null)("GET", "/metrics");
    expect(text).toContain('route="/v1/sessions/:id",status="401"');
    expect(text).not.toContain("ses_111");
    expect(text).toContain("ringside_api_waiters 0");
  });
});
