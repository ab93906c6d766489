import { randomUUID } from "node:crypto";
import {
  addMembersAnswerSchema,
  type ConnectionRole,
  cellKeyListSchema,
  cellListSchema,
  checkpointListSchema,
  courseListSchema,
  courseSchema,
  createTokenAnswerSchema,
  gradeTableSchema,
  imageManifestSchema,
  labListSchema,
  type labSchema,
  memberListSchema,
  meSchema,
  pauseSchema,
  readinessSchema,
  savedStateSchema,
  sessionAnswersSchema,
  sessionListSchema,
  sessionSchema,
  submissionSchema,
  tcpEntryAnswerSchema,
  ticketAnswerSchema,
} from "@ringside/shared";
import { z } from "zod";
import { API_WAIT_MS, DOWNLOAD_TIMEOUT_MS, MACHINE_WAIT_MS } from "../limits.ts";
import { type ApiOptions, type ApiRequest, callApi, openResponse } from "./client.ts";
import { teachingCalls } from "./teaching-calls.ts";

/** Every route of the API that the CLI uses, by name. All of them throw CliError. */
export type Api = ReturnType<typeof createApi>;

type NewMember = { readonly name: string; readonly studentNumber: string; readonly role: "student" | "instructor" };

/** The API at `options.url`, as the person whose token it is. */
export function createApi(options: ApiOptions) {
  return {
    options,
    ...sessionCalls(options),
    ...machineCalls(options),
    ...courseCalls(options),
    ...teachingCalls(options),
    ...serviceCalls(options),
  };
}

const atSession = (session: string, rest = "") => `/v1/sessions/${encodeURIComponent(session)}${rest}`;

function sessionCalls(options: ApiOptions) {
  const at = atSession;
  return {
    startSession: (lab: string, course: string | undefined, idempotencyKey: string) =>
      callApi(
        options,
        {
          method: "POST",
          path: "/v1/sessions",
          body: { lab, ...(course !== undefined && { course }) },
          headers: { "idempotency-key": idempotencyKey },
        },
        sessionSchema,
      ),
    session: (id: string, waitMs = 0) =>
      callApi(options, { method: "GET", path: at(id), query: { wait_ms: waitMs || undefined }, waitMs }, sessionSchema),
    sessions: async (query: { state?: "live" | "final"; lab?: string; course?: string; limit?: number } = {}) =>
      (await callApi(options, { method: "GET", path: "/v1/sessions", query }, sessionListSchema)).sessions,
    stopSession: (id: string) => callApi(options, { method: "DELETE", path: at(id) }, sessionSchema),
    resetSession: (id: string) => callApi(options, { method: "POST", path: at(id, "/reset"), body: {} }, sessionSchema),
    /** @param role what to connect as; without it, what fits the caller */
    ticket: (id: string, kind: "gdb" | "console", role?: ConnectionRole) =>
      callApi(
        options,
        { method: "POST", path: at(id, "/tickets"), body: { kind, ...(role !== undefined && { role }) } },
        ticketAnswerSchema,
      ),
    tcpEntry: (id: string) =>
      callApi(options, { method: "POST", path: at(id, "/tcp-entry"), body: {} }, tcpEntryAnswerSchema),
    submit: (id: string) => callApi(options, { method: "POST", path: at(id, "/submit"), body: {} }, submissionSchema),
    answers: async (id: string) =>
      (await callApi(options, { method: "GET", path: at(id, "/answers") }, sessionAnswersSchema)).questions,
    answer: async (id: string, question: string, value: string) => {
      const path = at(id, `/answers/${encodeURIComponent(question)}`);
      return (await callApi(options, { method: "PUT", path, body: { value } }, sessionAnswersSchema)).questions;
    },
    submission: (id: string, waitMs = 0) =>
      callApi(
        options,
        {
          method: "GET",
          path: `/v1/submissions/${encodeURIComponent(id)}`,
          query: { wait_ms: waitMs || undefined },
          waitMs,
        },
        submissionSchema,
      ),
    submissionTrace: (id: string) =>
      openResponse(
        options,
        {
          method: "GET",
          path: `/v1/submissions/${encodeURIComponent(id)}/trace`,
          headers: { accept: "application/x-ndjson" },
        },
        DOWNLOAD_TIMEOUT_MS,
      ),
  };
}

/** What is done to a session's machine: its cell works on it while the request waits. */
function machineCalls(options: ApiOptions) {
  const call = <S extends z.ZodType>(schema: S, request: Omit<ApiRequest, "waitMs">) =>
    callApi(options, { ...request, waitMs: MACHINE_WAIT_MS }, schema);
  const post = <S extends z.ZodType>(path: string, schema: S, body: unknown = {}) =>
    call(schema, { method: "POST", path, body });
  const atCheckpoint = (session: string, name: string) =>
    atSession(session, `/checkpoints/${encodeURIComponent(name)}`);
  return {
    hibernate: (id: string) => post(atSession(id, "/hibernate"), sessionSchema),
    wake: (id: string) => post(atSession(id, "/wake"), sessionSchema),
    pause: (id: string) => post(atSession(id, "/pause"), pauseSchema),
    resume: (id: string) => post(atSession(id, "/resume"), pauseSchema),
    /** A copy of a checkpoint, or (without one) of the machine as it is now. */
    forkSession: (id: string, of: { checkpoint?: string }, idempotencyKey: string = randomUUID()) =>
      call(sessionSchema, {
        method: "POST",
        path: atSession(id, "/fork"),
        body: of,
        headers: { "idempotency-key": idempotencyKey },
      }),
    checkpoints: async (id: string) =>
      (await call(checkpointListSchema, { method: "GET", path: atSession(id, "/checkpoints") })).checkpoints,
    saveCheckpoint: (id: string, name: string) => post(atSession(id, "/checkpoints"), savedStateSchema, { name }),
    deleteCheckpoint: (id: string, name: string) =>
      call(z.undefined(), { method: "DELETE", path: atCheckpoint(id, name) }),
    restoreCheckpoint: (id: string, name: string) => post(`${atCheckpoint(id, name)}/restore`, sessionSchema),
  };
}

function courseCalls(options: ApiOptions) {
  const at = (course: string, rest = "") => `/v1/courses/${encodeURIComponent(course)}${rest}`;
  return {
    labs: async (course?: string): Promise<z.infer<typeof labSchema>[]> =>
      (await callApi(options, { method: "GET", path: "/v1/labs", query: { course } }, labListSchema)).labs,
    courses: async () => (await callApi(options, { method: "GET", path: "/v1/courses" }, courseListSchema)).courses,
    createCourse: (course: string, title: string) =>
      callApi(options, { method: "POST", path: "/v1/courses", body: { course, title } }, courseSchema),
    offerLab: (course: string, lab: string) =>
      callApi(options, { method: "POST", path: at(course, "/labs"), body: { lab } }, z.unknown()),
    members: async (course: string) =>
      (await callApi(options, { method: "GET", path: at(course, "/members") }, memberListSchema)).members,
    addMembers: async (course: string, members: readonly NewMember[]) =>
      (
        await callApi(
          options,
          { method: "POST", path: at(course, "/members"), body: { members } },
          addMembersAnswerSchema,
        )
      ).members,
    grades: (course: string, lab: string) =>
      callApi(
        options,
        { method: "GET", path: at(course, `/labs/${encodeURIComponent(lab)}/grades`) },
        gradeTableSchema,
      ),
  };
}

function serviceCalls(options: ApiOptions) {
  return {
    me: () => callApi(options, { method: "GET", path: "/v1/me" }, meSchema),
    createToken: (name: string, user?: string) =>
      callApi(
        options,
        { method: "POST", path: "/v1/tokens", body: { name, ...(user !== undefined && { user }) } },
        createTokenAnswerSchema,
      ),
    cells: async () => (await callApi(options, { method: "GET", path: "/v1/cells" }, cellListSchema)).cells,
    sealKeys: async () => (await callApi(options, { method: "GET", path: "/v1/seal-keys" }, cellKeyListSchema)).keys,
    /** @param from RFC 3339; without it, from now on */
    revokeSealKey: async (key: string, from: string | undefined) => {
      const path = `/v1/seal-keys/${encodeURIComponent(key)}/revoke`;
      const body = from === undefined ? {} : { from };
      return (await callApi(options, { method: "POST", path, body }, cellKeyListSchema)).keys;
    },
    ready: () => callApi(options, { method: "GET", path: "/readyz" }, readinessSchema),
    image: (digest: string) =>
      callApi(options, { method: "GET", path: `/v1/images/${encodeURIComponent(digest)}` }, imageManifestSchema),
    /**
     * Bytes of an image's file in zstd form, both ends included. A server that does not know of that form, or of parts,
     * sends the file itself, or all of it.
     */
    imageFile: (image: string, key: string, range: { readonly first: number; readonly last: number }) =>
      openResponse(
        options,
        {
          method: "GET",
          path: `/v1/images/${encodeURIComponent(image)}/files/${encodeURIComponent(key)}`,
          query: { as: "zstd" },
          headers: {
            accept: "application/zstd, application/octet-stream",
            "accept-encoding": "identity",
            range: `bytes=${range.first}-${range.last}`,
          },
        },
        DOWNLOAD_TIMEOUT_MS,
      ),
  };
}

/**
 * Waits until a session has left requested, queued and starting; `onState` sees each answer.
 * @param lookMs an answer comes at least this often, so that the place in the queue can be shown
 */
export async function waitForSession(
  api: Api,
  id: string,
  onState: (session: z.infer<typeof sessionSchema>) => void,
  lookMs: number = API_WAIT_MS,
): Promise<z.infer<typeof sessionSchema>> {
  for (;;) {
    const session = await api.session(id, lookMs);
    onState(session);
    if (!["requested", "queued", "starting"].includes(session.state)) return session;
  }
}
