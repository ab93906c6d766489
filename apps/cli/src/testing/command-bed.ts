import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { ERRORS, type ErrorCode, type Session } from "@ringside/shared";
import type { Context } from "../context.ts";
import { environmentSchema } from "../environment.ts";
import { createProgram } from "../program.ts";

/** A server whose answers a test decides on, and commands that run against it in this process. */
export interface CommandBed extends AsyncDisposable {
  /** What was asked, in order: `POST /v1/sessions/ses_…/wake`. */
  readonly asked: Asked[];
  /** Runs a command line; its error, if any, is given and not thrown. */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Outcome>;
}

interface Asked {
  readonly route: string;
  readonly body: unknown;
  readonly headers: IncomingMessage["headers"];
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** What it threw. */
  readonly error: unknown;
}

interface RunOptions {
  readonly signal?: AbortSignal;
  readonly isTTY?: boolean;
  /** Of the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Sees stdout grow. */
  readonly onOutput?: (soFar: string) => void;
}

/** An answer: a value for 200, the bytes of a file, or an error of the table. */
type Answer =
  | { readonly value: unknown; readonly status?: number }
  | { readonly bytes: Uint8Array }
  | { readonly error: ErrorCode };
/** By route without its query, `GET /v1/me`; a list is used up answer by answer, its last one stays. */
export type Routes = Readonly<Record<string, Answer | readonly Answer[]>>;

const OWN_USER = "usr_00000000000000000001";
export const SESSION = "ses_00000000000000000001";
const RETRY_AFTER_SECONDS = 9;

/** A ready session of the user who runs the commands. */
export function aSession(differing: Partial<Session> = {}): Session {
  const id = differing.id ?? SESSION;
  return {
    ...{ id, user: OWN_USER, course: "os", lab: "net-listen", state: "ready", epoch: 1 },
    ...{ reason: null, message: null, cell: "local", image: "ab".repeat(32), parameters: { backlog: 7 } },
    ...{ how: "pool", startMs: 3.21, submission: null, record: false, forkedFrom: null, queuePosition: null },
    ...{ hibernatedBytes: null, createdAt: "2026-01-01T00:00:00.000Z", readyAt: "2026-01-01T00:00:00.100Z" },
    ...{ endsAt: "2026-01-01T02:00:00.000Z", endedAt: null },
    links: { self: `/v1/sessions/${id}`, tickets: "", submit: "" },
    ...differing,
  };
}

/** The routes of somebody who has these live sessions. */
export function withSessions(...sessions: readonly Session[]): Routes {
  const user = { id: OWN_USER, name: "Ada", studentNumber: "S1", siteRole: "member" };
  return {
    "GET /v1/me": { value: { user, courses: [] } },
    "GET /v1/sessions": { value: { sessions } },
    ...Object.fromEntries(sessions.map((session) => [`GET /v1/sessions/${session.id}`, { value: session }])),
  };
}

/** Starts the server; a route that it does not know is answered with `not_found`. */
export async function startCommandBed(routes: Routes): Promise<CommandBed> {
  const asked: Asked[] = [];
  const left = new Map(Object.entries(routes).map(([route, answers]) => [route, [answers].flat()]));
  const server = createServer(async (request, response) => {
    const route = `${request.method} ${request.url?.split("?")[0]}`;
    const body = await text(request);
    asked.push({ route, body: body === "" ? undefined : JSON.parse(body), headers: request.headers });
    const answers = left.get(route) ?? [];
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? { error: "not_found" as const };
    if ("error" in answer) {
      response.statusCode = ERRORS[answer.error].status;
      response.setHeader("retry-after", String(RETRY_AFTER_SECONDS));
      response.end(JSON.stringify({ code: answer.error, message: ERRORS[answer.error].message, requestId: "r1" }));
    } else if ("bytes" in answer) response.end(answer.bytes);
    else {
      response.statusCode = answer.status ?? 200;
      response.end(response.statusCode === 204 ? undefined : JSON.stringify(answer.value));
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    asked,
    run: (args, options = {}) => runCommand(url, args, options),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function runCommand(url: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const texts = { stdout: "", stderr: "" };
  const sink = (name: keyof typeof texts) =>
    new Writable({
      write: (chunk, _encoding, done) => {
        texts[name] += String(chunk);
        if (name === "stdout") options.onOutput?.(texts.stdout);
        done();
      },
    });
  const terminal = { isTTY: options.isTTY === true, columns: 200, rows: 24 };
  const context: Omit<Context, "json"> = {
    inherited: {},
    environment: environmentSchema.parse({
      ...{ HOME: "/nonexistent", RINGSIDE_URL: url, RINGSIDE_TOKEN: "rs_test" },
      ...options.variables,
    }),
    stdin: new PassThrough(),
    stdout: Object.assign(sink("stdout"), terminal),
    stderr: sink("stderr"),
    signal: options.signal ?? new AbortController().signal,
    onHurry: () => undefined,
    holdInterrupts: () => ({ [Symbol.dispose]: () => undefined }),
    repoRoot: "/nonexistent",
    isRoot: false,
  };
  const error: unknown = await createProgram(context)
    .parseAsync([...args], { from: "user" })
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  return { ...texts, error };
}
