import { join } from "node:path";
import { z } from "zod";
import { settledWithin } from "../settled.ts";
import { type Child, startChild } from "./child.ts";

const listeningSchema = z.object({ event: z.literal("listening"), host: z.string(), port: z.int() });

export interface NearAgent extends AsyncDisposable {
  readonly address: string;
  readonly child: Child;
}

export interface NearAgentOptions {
  readonly repoRoot: string;
  readonly env: Readonly<Record<string, string>>;
  readonly url: string;
  readonly token: string;
  readonly session: string;
  readonly timeoutMs: number;
  /** Folder of the cache that the kernel's symbols are kept in; without it none are fetched. */
  readonly symbolsIn?: string;
}

const STOP_MS = 5_000;

/** As the launcher sets it. */
const cachedIn = (folder: string) => ({ RINGSIDE_CACHE: folder, NODE_COMPILE_CACHE: join(folder, "compiled") });

/** Starts a real `ringside connect` and waits until it listens. @throws Error with what it said instead */
export async function startNearAgent(options: NearAgentOptions): Promise<NearAgent> {
  const lines: string[] = [];
  const { promise: listening, resolve } = Promise.withResolvers<string>();
  const child = await startChild({
    command: process.execPath,
    args: [
      join(options.repoRoot, "apps/cli/src/main.ts"),
      ...["--json", "connect", options.session, "--port", "0"],
      ...(options.symbolsIn === undefined ? ["--no-symbols"] : []),
    ],
    env: {
      ...options.env,
      ...(options.symbolsIn !== undefined && cachedIn(options.symbolsIn)),
      RINGSIDE_URL: options.url,
      RINGSIDE_TOKEN: options.token,
    },
    deathSignal: "TERM",
    onLine: (line) => {
      if (lines.length < 20) lines.push(line);
      const parsed = line.startsWith("{") ? listeningSchema.safeParse(JSON.parse(line)) : undefined;
      if (parsed?.success) resolve(`${parsed.data.host}:${parsed.data.port}`);
    },
  });
  await settledWithin(Promise.race([listening, child.exited]), options.timeoutMs);
  const address = await Promise.race([listening, Promise.resolve(undefined)]);
  const close = async () => {
    await child.stop("SIGINT", STOP_MS);
  };
  if (address === undefined) {
    await close();
    throw new Error(`ringside connect does not listen:\n${lines.join("\n")}`);
  }
  return { address, child, [Symbol.asyncDispose]: close };
}
