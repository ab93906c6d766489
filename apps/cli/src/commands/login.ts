import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { createApi } from "../api/calls.ts";
import { forgetCredentials, loadCredentials, loggedInApi, saveCredentials } from "../api/credentials.ts";
import { type Context, note, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";

const DEFAULT_URL = "http://127.0.0.1:8080";

/** `ringside login`, `logout` and `whoami`. */
export function addLogin(program: Command, context: Context): void {
  program
    .command("login")
    .summary("remember a server and your token")
    .description("Checks the token you were given and remembers it, with the server, for the next commands.")
    .option("--url <url>", `the server (default: the one remembered, else ${DEFAULT_URL})`)
    .option("--token <token>", "the token; without it, it is read from standard input")
    .addHelpText(
      "after",
      "\nExamples:\n  ringside login --url https://lab.example.edu < token.txt\n  ringside login --token rs_…",
    )
    .action((options: { url?: string; token?: string }) => login(context, options));
  program
    .command("logout")
    .description("forget the server and the token")
    .action(() => forgetCredentials(context));
  program
    .command("whoami")
    .description("who you are, and in which courses")
    .action(() => whoami(context));
}

async function login(context: Context, options: { url?: string; token?: string }): Promise<void> {
  const saved = await loadCredentials(context).catch(() => undefined);
  const url = options.url ?? context.environment.RINGSIDE_URL ?? saved?.url ?? DEFAULT_URL;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CliError("usage", `${url} is no http or https URL`);
  }
  if (options.token === undefined && context.stdin.isTTY) note(context, "Paste your token, then Enter and Ctrl-D:");
  const token = (options.token ?? (await text(context.stdin))).trim();
  if (token === "") throw new CliError("usage", "No token was given");
  const me = await createApi({ url, token, signal: context.signal }).me();
  const path = await saveCredentials(context, { url, token });
  printResult(context, me, () => `Logged in to ${url} as ${me.user.name}. Remembered in ${path}.`);
}

async function whoami(context: Context): Promise<void> {
  const api = await loggedInApi(context);
  const me = await api.me();
  printResult(context, { ...me, url: api.options.url }, () => {
    const number = me.user.studentNumber ? ` (${me.user.studentNumber})` : "";
    const role = me.user.siteRole === "admin" ? ", administrator" : "";
    const courses = me.courses.map((course) => `  ${course.course}  ${course.title}  as ${course.role}`);
    return [`${me.user.name}${number}${role} at ${api.options.url}`, ...courses].join("\n");
  });
}
