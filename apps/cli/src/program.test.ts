import { PassThrough, Writable } from "node:stream";
import type { Command } from "commander";
import { expect, test } from "vitest";
import type { Context } from "./context.ts";
import { environmentSchema } from "./environment.ts";
import { createProgram } from "./program.ts";

function programWithOutput(): { program: Command; written: () => string } {
  let text = "";
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  const context: Omit<Context, "json"> = {
    inherited: {},
    environment: environmentSchema.parse({ HOME: "/nonexistent", PATH: "/usr/bin:/bin" }),
    stdin: new PassThrough(),
    stdout: sink,
    stderr: sink,
    signal: new AbortController().signal,
    onHurry: () => undefined,
    holdInterrupts: () => ({ [Symbol.dispose]: () => undefined }),
    repoRoot: "/nonexistent",
    isRoot: false,
  };
  return { program: createProgram(context), written: () => text };
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

test("the help of ringside and of every command", () => {
  for (const command of allCommands(programWithOutput().program)) {
    if (command.name() === "help") continue;
    const help = command.configureHelp({ helpWidth: 100 }).helpInformation();
    expect(help).toMatchSnapshot(command.name());
    expect(command.description(), `${command.name()} has no description`).not.toBe("");
  }
});

test.each([
  [["nosuch"], "commander.unknownCommand"],
  [["start"], "commander.missingArgument"],
  [["up", "--port", "99999999"], "commander.invalidArgument"],
  [["labs", "--nosuch"], "commander.unknownOption"],
])("ringside %j is refused as %s with a hint", async (args, code) => {
  const { program, written } = programWithOutput();
  await expect(program.parseAsync(args, { from: "user" })).rejects.toMatchObject({ code });
  expect(written()).toContain("--help");
});

test("a command without a login says how to log in", async () => {
  const { program } = programWithOutput();
  await expect(program.parseAsync(["labs"], { from: "user" })).rejects.toMatchObject({
    exit: "denied",
    message: expect.stringContaining("ringside login"),
  });
});

test("--json may stand before or after the command", async () => {
  for (const args of [
    ["--json", "labs"],
    ["labs", "--json"],
  ]) {
    const { program } = programWithOutput();
    await expect(program.parseAsync(args, { from: "user" })).rejects.toMatchObject({ exit: "denied" });
    expect(program.opts()).toMatchObject({ json: true });
  }
});
