import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type ErrorBody,
  type ImageManifest,
  leaseKey,
  REPORTS_QUEUE,
  type Report,
  type Session,
} from "@ringside/shared";
import { Queue } from "bullmq";
import type { LightMyRequestResponse } from "fastify";
import { Redis } from "ioredis";
import pg from "pg";
import { pino } from "pino";
import { newBearerToken } from "../auth/tokens.ts";
import { gradeFile } from "../grades/grade-file.ts";
import type { Grader } from "../grades/grader.ts";
import { type Api, openApi } from "../open.ts";
import type { SessionBounds } from "../sessions/admission.ts";
import { type ImageTables, writeImage, writeLab } from "./files.ts";

/**
 * A whole api for one test file: a database and a Redis prefix of its own in the run's real PostgreSQL and Redis,
 * an image, a lab, two courses with their people. Requests are injected.
 */
export const MIGRATIONS_DIR = fileURLToPath(new URL("../../../../prisma/migrations", import.meta.url));
export const LAB = "net-listen";

interface Reply {
  readonly status: number;
  readonly headers: LightMyRequestResponse["headers"];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect and fail where it is not there
  readonly body: any;
}

interface Request {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Somebody who makes requests. */
export type Call = (method: string, path: string, request?: Request) => Promise<Reply>;

export interface BedOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly grader?: Grader;
  /** Through something else than `redisUrl`, such as a Redis that the test stops. */
  readonly apiRedisUrl?: string;
  readonly apiDatabaseUrl?: (own: string) => string;
  readonly bounds?: Partial<SessionBounds>;
  readonly onLog?: (line: string) => void;
  /** Of the image, in place of the smallest ones. */
  readonly tables?: ImageTables;
}

export interface Bed extends AsyncDisposable {
  readonly api: Api;
  readonly prefix: string;
  readonly redis: Redis;
  readonly databaseUrl: string;
  readonly labsDir: string;
  readonly dataDir: string;
  readonly image: ImageManifest;
  readonly ticketKey: KeyObject;
  readonly adminToken: string;
  readonly admin: Call;
  as(token: string | null): Call;
  report(report: Report): Promise<void>;
  /** Takes the lease that a runner would hold for a session. */
  lease(session: string, epoch?: number): Promise<void>;
}

export async function freshDatabase(superuserUrl: string): Promise<string> {
  const name = `api_${randomBytes(6).toString("hex")}`;
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return superuserUrl.replace(/(postgres(?:ql)?:\/\/[^/]*\/)[^?]*/, `$1${name}`);
}

export function openTestRedis(url: string): Redis {
  return url.startsWith("unix://") ? new Redis({ path: url.slice("unix://".length) }) : new Redis(url);
}

export async function openBed(options: BedOptions): Promise<Bed> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), "rs-api-")), (path) => rm(path, { recursive: true }));
  const redis = stack.adopt(openTestRedis(options.redisUrl), (opened) => opened.disconnect());
  const databaseUrl = await freshDatabase(options.databaseUrl);
  const prefix = `t${randomBytes(6).toString("hex")}`;
  const labsDir = join(folder, "labs");
  const dataDir = join(folder, "data");
  await writeLab(labsDir, LAB);
  const image = await writeImage(join(folder, "cache"), "test-image", undefined, undefined, options.tables);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const adminToken = newBearerToken();
  const api = stack.use(
    await openApi({
      version: "0.0.0-test",
      log: pino({ level: options.onLog ? "debug" : "silent" }, { write: (line) => options.onLog?.(line) }),
      databaseUrl: options.apiDatabaseUrl?.(databaseUrl) ?? databaseUrl,
      migrationsDir: MIGRATIONS_DIR,
      redisUrl: options.apiRedisUrl ?? options.redisUrl,
      prefix,
      dataDir,
      cacheDir: join(folder, "cache"),
      labsDir,
      ticketKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      bootstrapAdminToken: adminToken,
      bounds: { perUser: 3, live: 500, hibernated: 500, queued: 300, ...options.bounds },
      grader: options.grader ?? gradeFile,
      debuginfod: "on",
    }),
  );
  const reports = stack.adopt(new Queue(REPORTS_QUEUE, { connection: redis, prefix }), (queue) => queue.close());
  const as = (token: string | null) => caller(api, token);
  const parts = stack.move();
  return {
    api,
    prefix,
    redis,
    databaseUrl,
    labsDir,
    dataDir,
    image,
    ticketKey: publicKey,
    adminToken,
    admin: as(adminToken),
    as,
    async report(report) {
      await reports.add(report.kind, report);
    },
    async lease(session, epoch = 1) {
      await redis.set(leaseKey(prefix, session), JSON.stringify({ cell: "cell-a", runner: "runner-1", epoch }));
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function caller(api: Api, token: string | null): Call {
  return async (method, path, { body, headers = {} } = {}) => {
    const response = await api.app.inject({
      method: method as "GET",
      url: path,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const isJson = String(response.headers["content-type"]).startsWith("application/json");
    return {
      status: response.statusCode,
      headers: response.headers,
      text: response.body,
      body: isJson && response.body !== "" ? JSON.parse(response.body) : undefined,
    };
  };
}

export interface Person {
  readonly id: string;
  readonly token: string;
  readonly call: Call;
}

/** Makes a course that offers LAB, with these people. */
export async function makeCourse<K extends string>(
  bed: Bed,
  course: string,
  people: Readonly<Record<K, "student" | "instructor">>,
): Promise<Record<K, Person>> {
  await expectStatus(bed.admin("POST", "/v1/courses", { body: { course, title: `Course ${course}` } }), 201);
  const names = Object.keys(people) as K[];
  const members = names.map((name) => ({
    name,
    studentNumber: `${course.replaceAll("-", "")}${name}`,
    role: people[name],
  }));
  const added = await expectStatus(bed.admin("POST", `/v1/courses/${course}/members`, { body: { members } }), 200);
  await expectStatus(bed.admin("POST", `/v1/courses/${course}/labs`, { body: { lab: LAB } }), 200);
  const made = (added.body.members as { user: { id: string }; token: string }[]).map(({ user, token }, index) => [
    names[index],
    { id: user.id, token, call: bed.as(token) },
  ]);
  return Object.fromEntries(made) as Record<K, Person>;
}

async function expectStatus(reply: Promise<Reply>, status: number): Promise<Reply> {
  const got = await reply;
  if (got.status !== status) {
    throw new Error(`expected ${status}, got ${got.status}: ${got.text}`);
  }
  return got;
}

export async function startSession(person: Person, key = randomBytes(9).toString("hex")): Promise<Session> {
  const headers = { "idempotency-key": key };
  return (await expectStatus(person.call("POST", "/v1/sessions", { body: { lab: LAB }, headers }), 202)).body;
}

/** Looks again and again until it holds; the test's own time is the limit. */
export async function until<T>(look: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (holds(value)) {
      return value;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What every answer that is not 2xx must look like. */
export function isErrorBody(body: unknown): body is ErrorBody {
  const { code, message, requestId } = (body ?? {}) as Partial<ErrorBody>;
  return typeof code === "string" && typeof message === "string" && typeof requestId === "string";
}
