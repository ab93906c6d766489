import { expect, test } from "vitest";
import { cacheDirectory } from "./cache-directory.ts";

test("RINGSIDE_CACHE comes before XDG_CACHE_HOME, and that before HOME", () => {
  const env = { RINGSIDE_CACHE: "/a", XDG_CACHE_HOME: "/b", HOME: "/c" };
  expect(cacheDirectory(env)).toBe("/a");
  expect(cacheDirectory({ ...env, RINGSIDE_CACHE: "" })).toBe("/b/ringside");
  expect(cacheDirectory({ HOME: "/c" })).toBe("/c/.cache/ringside");
});

test("without any of them the error names the variable to set", () => {
  expect(() => cacheDirectory({})).toThrow("RINGSIDE_CACHE");
});
