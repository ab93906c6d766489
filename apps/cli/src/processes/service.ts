import { z } from "zod";
import { SERVICE_READY_MS } from "../limits.ts";
import { settledWithin } from "../settled.ts";
import { type Child, startChild } from "./child.ts";

export interface ServiceOptions {
  readonly script: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly onLine: (line: string) => void;
  readonly readyMs?: number;
  readonly signal?: AbortSignal;
}

export interface RunningService {
  readonly child: Child;
  /** Where it can be reached, as its "ready" line says. */
  readonly url: string | undefined;
}

/** A service logs JSON lines (pino); this one says that it serves. */
const readyLineSchema = z.object({ msg: z.literal("ready"), url: z.string().optional() });
/** Lines kept to say why a service did not start. */
const LAST_LINES = 12;

/**
 * Starts a service of the box with our own Node and waits for its "ready" line.
 * The kernel sends it SIGKILL when we die: with the stores gone at the same moment, an orderly end could hang.
 * @throws Error with the service's last words where it ends, or is not ready in time
 */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const lastLines: string[] = [];
  const { promise: ready, resolve } = Promise.withResolvers<{ url: string | undefined }>();
  const child = await startChild({
    command: process.execPath,
    args: [options.script, ...(options.args ?? [])],
    env: options.env,
    cwd: options.cwd,
    deathSignal: "KILL",
    onLine: (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      options.onLine(line);
      const parsed = readyLine(line);
      if (parsed) resolve({ url: parsed.url });
    },
  });
  const abort = () => child.kill("SIGTERM");
  options.signal?.addEventListener("abort", abort);
  const ended = child.exited.then(() => undefined);
  const outcome = Promise.race([ready, ended]);
  const inTime = await settledWithin(outcome, options.readyMs ?? SERVICE_READY_MS);
  options.signal?.removeEventListener("abort", abort);
  const answer = inTime ? await outcome : undefined;
  if (answer) return { child, url: answer.url };
  await child.stop("SIGKILL", 0);
  const why = inTime ? "ended before it was ready" : "was not ready in time";
  throw new Error(`${options.script} ${why}:\n${lastLines.map((line) => `  ${line}`).join("\n")}`);
}

function readyLine(line: string): z.infer<typeof readyLineSchema> | undefined {
  if (!line.includes('"ready"')) return undefined;
  try {
    return readyLineSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
