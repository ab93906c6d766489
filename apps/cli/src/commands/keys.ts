import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type CellKey, sha256Schema } from "@ringside/shared";
import { type Command, InvalidArgumentError } from "commander";
import { loggedInApi } from "../api/credentials.ts";
import { ensureTicketKeys } from "../box/ticket-keys.ts";
import { type Context, printResult } from "../context.ts";
import { table } from "../output/table.ts";

/** `ringside keys`: the ticket key pair of a server of several hosts, and the keys that cells sign recordings with. */
export function addKeys(program: Command, context: Context): void {
  const keys = program.command("keys");
  keys
    .argument("<folder>", "where to put them; keys that are there already stay")
    .summary("make the key pair for tickets; list and revoke the keys that cells sign with")
    .description(
      "Makes the key pair that tickets are signed and checked with. The api gets ticket-key.pem, the cells get " +
        "ticket-public-key.pem. `ringside up` does this by itself. Keys that recordings are signed with are made by " +
        "each cell itself, in keys/seal.pem of its data folder.",
    )
    .addHelpText("after", "\nExamples:\n  ringside keys ./secrets\n  ringside keys list")
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
  keys
    .command("list")
    .description("the keys that cells sign recordings with, as the server has seen them")
    .action(async () => {
      const list = await (await loggedInApi(context)).sealKeys();
      printResult(context, { keys: list }, () => keysText(list));
    });
  keys
    .command("revoke")
    .argument("<key>", "its name: 64 hex digits", keyName)
    .summary("take nothing more that is signed with a key")
    .description(
      "Marks a cell's key as one that others may have. What was handed in from then on does not count; what the server " +
        "had before stays good. Give the cell a new one: move its keys/seal.pem away and start it again.",
    )
    .option("--from <time>", "since when, such as 2026-03-02T08:00:00Z; default: now", moment)
    .action(async (key: string, { from }: { from?: string }) => {
      const list = await (await loggedInApi(context)).revokeSealKey(key, from);
      printResult(context, { keys: list }, () => keysText(list));
    });
}

function keyName(text: string): string {
  const name = sha256Schema.safeParse(text.toLowerCase());
  if (name.success) return name.data;
  throw new InvalidArgumentError("It is 64 hex digits: `ringside keys list` shows them.");
}

function moment(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw new InvalidArgumentError("Give a time such as 2026-03-02T08:00:00Z.");
  return at.toISOString();
}

function keysText(keys: readonly CellKey[]): string {
  if (keys.length === 0) return "No cell has shown a key yet: the server sees it with the first submission.";
  const rows = keys.map(({ cell, key, firstSeen, revokedFrom }) => [cell, key, firstSeen, revokedFrom ?? ""]);
  return table(["cell", "key", "first seen", "revoked from"], rows);
}
