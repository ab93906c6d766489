import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { ensureTicketKeys } from "../box/ticket-keys.ts";
import { type Context, printResult } from "../context.ts";

/** `ringside keys`: the ticket key pair, for a server of several containers or hosts. */
export function addKeys(program: Command, context: Context): void {
  program
    .command("keys")
    .argument("<folder>", "where to put them; keys that are there already stay")
    .summary("make the key pair for tickets")
    .description(
      "Makes the key pair that tickets are signed and checked with. The api gets ticket-key.pem, the cells get " +
        "ticket-public-key.pem. `ringside up` does this by itself.",
    )
    .addHelpText("after", "\nExamples:\n  ringside keys ./secrets")
    .action(async (folder: string) => {
      const root = resolve(folder);
      await mkdir(root, { recursive: true, mode: 0o700 });
      const files = {
        privateFile: join(root, "ticket-key.pem"),
        publicFile: join(root, "ticket-public-key.pem"),
      };
      const made = await ensureTicketKeys(files);
      printResult(
        context,
        { ...files, made },
        () => `${files.privateFile}\n${files.publicFile}${made ? "" : "\n(they were there)"}`,
      );
    });
}
