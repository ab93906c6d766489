import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../context.ts";
import { configFolder } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { type Api, createApi } from "./calls.ts";

const credentialsSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  token: z.string().min(1),
});
export type Credentials = z.infer<typeof credentialsSchema>;

const credentialsFile = (context: Context) => join(configFolder(context.environment), "credentials.json");

/** What `ringside login` saved; RINGSIDE_URL and RINGSIDE_TOKEN take over. Undefined where nobody is logged in. */
export async function loadCredentials(context: Context): Promise<Credentials | undefined> {
  const { RINGSIDE_URL, RINGSIDE_TOKEN } = context.environment;
  if (RINGSIDE_URL && RINGSIDE_TOKEN) return { url: RINGSIDE_URL, token: RINGSIDE_TOKEN };
  const path = credentialsFile(context);
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new CliError("failed", `${path} cannot be read: ${cause.message}`, { cause });
  });
  if (text === undefined) return undefined;
  try {
    const saved = credentialsSchema.parse(JSON.parse(text));
    return { url: RINGSIDE_URL ?? saved.url, token: RINGSIDE_TOKEN ?? saved.token };
  } catch (cause) {
    throw new CliError("failed", `${path} is damaged: log in again with \`ringside login\``, { cause });
  }
}

/** Saves credentials for the next commands, in a file that only the user may read. */
export async function saveCredentials(context: Context, credentials: Credentials): Promise<string> {
  const folder = configFolder(context.environment);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = credentialsFile(context);
  const fresh = `${path}.new`;
  await writeFile(fresh, `${JSON.stringify(credentials)}\n`, { mode: 0o600 });
  await chmod(fresh, 0o600);
  await rename(fresh, path);
  return path;
}

/** Forgets the saved credentials. */
export async function forgetCredentials(context: Context): Promise<void> {
  await rm(credentialsFile(context), { force: true });
}

/** The API as the user who is logged in. */
export async function loggedInApi(context: Context): Promise<Api> {
  const credentials = await loadCredentials(context);
  if (!credentials) {
    throw new CliError(
      "denied",
      "You are not logged in: run `ringside login --url URL` with the token you were given.",
    );
  }
  return createApi({ ...credentials, signal: context.signal });
}
