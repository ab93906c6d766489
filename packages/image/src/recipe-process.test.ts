import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LOG_TAIL_LINES } from "./limits.ts";
import { RecipeError, runRecipe, toolVersion } from "./recipe-process.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-recipe-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const run = (command: string, args: readonly string[]) =>
  runRecipe({ command, args, logFile: join(folder, "log"), priority: "usual", signal, onProgress: () => undefined });

test("of a long log the error shows the last lines only", async () => {
  const failure = await run("bash", ["-c", "seq 1 5000; exit 1"]).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(RecipeError);
  const lines = (failure as RecipeError).tail.split("\n");
  expect([lines.length, lines.at(-1)]).toEqual([LOG_TAIL_LINES, "5000"]);
});

test("a recipe that cannot be started or is killed says so", async () => {
  await expect(run(join(folder, "none"), [])).rejects.toThrow("could not be started");
  await expect(run("bash", ["-c", "kill -9 $$"])).rejects.toThrow("was ended by SIGKILL");
});

test("a tool tells its version in one line, and a missing one is null", async () => {
  expect(await toolVersion("bash", signal)).toMatch(/^GNU bash/);
  expect(await toolVersion("no-such-tool", signal)).toBeNull();
});

test("a recipe of low priority and its children leave the processor to others", async () => {
  const said: string[] = [];
  await runRecipe({
    command: "bash",
    args: ["-c", "sleep 0.2; echo progress 50 $(nice) $(bash -c nice)"],
    logFile: join(folder, "log"),
    priority: "low",
    signal,
    onProgress: ({ text }) => void said.push(text),
  });
  expect(said).toEqual(["19 19"]);
});
