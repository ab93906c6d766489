import { describe, expect, it } from "vitest";
import { newId, sessionIdSchema, slugSchema, userIdSchema } from "./ids.ts";

describe("ids", () => {
  it("are accepted by the schema of their own kind only", () => {
    const id = newId("ses");
    expect(sessionIdSchema.parse(id)).toBe(id);
    expect(userIdSchema.safeParse(id).success).toBe(false);
  });

  it("do not repeat within a thousand", () => {
    expect(new Set(Array.from({ length: 1_000 }, () => newId("usr"))).size).toBe(1_000);
  });

  it("take nothing that could be a path", () => {
    for (const text of ["ses_../../../etc/passwd0", "ses_", "", "ses_ABCDEFGHJKMNPQRSTVWX", `${newId("ses")}\n`]) {
      expect(sessionIdSchema.safeParse(text).success).toBe(false);
    }
  });
});

describe("slugs", () => {
  it("take what a course or lab is called", () => {
    for (const text of ["net-listen", "os-2026", "a", "5"]) expect(slugSchema.safeParse(text).success).toBe(true);
  });

  it("refuse what does not belong in a path or URL", () => {
    for (const text of ["", "-a", "a-", "A", "a/b", "..", "a b", "a".repeat(41)]) {
      expect(slugSchema.safeParse(text).success).toBe(false);
    }
  });
});
