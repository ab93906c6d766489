import { createHash, type KeyObject } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type CellProxy,
  cellProxyKey,
  type ErrorCode,
  type MachineErrand,
  type MachineErrandAnswer,
  machineErrandSchema,
  type Seal,
  type SessionRecording,
  TICKET_AUDIENCE,
  TICKET_ISSUER,
  type TicketClaims,
  type TicketKind,
  ticketClaimsSchema,
} from "@ringside/shared";
import type { Redis } from "ioredis";
import { jwtVerify } from "jose";
import { TEST_SIGNER } from "./signer.ts";

/** Stands in for a cell's gdb-proxy: serves the api's errands and checks every ticket as the real one does. */
export interface FakeCell extends AsyncDisposable {
  readonly proxy: CellProxy;
  /** Traces by session. */
  readonly traces: Map<string, Buffer>;
  /** Replay logs by session, by epoch. */
  readonly recordings: Map<string, readonly FakeRecording[]>;
  /** Template archives by contents. */
  readonly templates: Map<string, Buffer>;
  /** Names of saved states by session. */
  readonly states: Map<string, Set<string>>;
  /** `seal ses_…`, `trace ses_…`, `machine pause ses_…` and so on, in order. */
  readonly errands: string[];
  /** Who asked last, as the ticket says. */
  asker: TicketClaims | null;
  /** What the cell does before it answers an errand of a machine. */
  before: (errand: MachineErrand) => Promise<void>;
  /** Change what the cell does next. */
  fault: "none" | "short_trace" | "other_trace" | "busy" | "damaged" | "garbage" | "long_answer" | "short_recording";
}

export interface FakeRecording extends SessionRecording {
  readonly log: Buffer;
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Any bytes will do for a trace: the api looks at their number and digest, and at the seal if they end in one. */
export function sealOf(trace: Buffer): Seal {
  return { events: 2, bytes: trace.length, digest: sha256(trace), head: "ab".repeat(32) };
}

export function recordingOf(epoch: number, text: string, template: string): FakeRecording {
  const log = Buffer.from(text);
  return { epoch, sha256: sha256(log), bytes: log.length, template, whole: true, log };
}

export async function startFakeCell(
  redis: Redis,
  prefix: string,
  name: string,
  ticketKey: KeyObject,
): Promise<FakeCell> {
  const server = createServer((request, response) => {
    answer(cell, ticketKey, request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const cell: FakeCell = {
    proxy: {
      ...{ cell: name, publicUrl: `ws://cell.example:${port}`, internalUrl: `http://127.0.0.1:${port}` },
      sealKey: { key: TEST_SIGNER.key, publicKey: TEST_SIGNER.publicKey },
    },
    traces: new Map(),
    recordings: new Map(),
    templates: new Map(),
    states: new Map(),
    errands: [],
    asker: null,
    before: async () => undefined,
    fault: "none",
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await redis.set(cellProxyKey(prefix, name), JSON.stringify(cell.proxy));
  return cell;
}

const KINDS: Readonly<Record<string, TicketKind>> = {
  seal: "seal",
  trace: "trace",
  "tcp-entry": "tcp-entry",
  machine: "machine",
  recordings: "trace",
  templates: "trace",
};

interface Asked {
  readonly session: string;
  readonly errand: string;
  /** The epoch or template at the end of the path. */
  readonly which: string;
  readonly body: string;
}

async function answer(
  cell: FakeCell,
  ticketKey: KeyObject,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, session = "", errand = "", which = ""] =
    /^\/v1\/sessions\/([^/]+)\/([a-z-]+)(?:\/([0-9a-f]+))?$/.exec(request.url ?? "") ?? [];
  const jwt = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  const { payload } = await jwtVerify(jwt, ticketKey, {
    issuer: TICKET_ISSUER,
    audience: TICKET_AUDIENCE,
    algorithms: ["EdDSA"],
  });
  const claims = ticketClaimsSchema.parse(payload);
  if (claims.sid !== session || claims.kind !== KINDS[errand] || claims.cell !== cell.proxy.cell) {
    fail(response, 403, "ticket_mismatch");
    return;
  }
  cell.asker = claims;
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const body = Buffer.concat(chunks).toString();
  const verb = errand === "machine" ? ` ${machineErrandSchema.parse(JSON.parse(body)).do}` : "";
  cell.errands.push(`${errand}${verb} ${session}`);
  switch (cell.fault) {
    case "busy":
      fail(response, 409, "debugger_busy");
      return;
    case "damaged":
      fail(response, 409, "state_damaged");
      return;
    case "garbage":
      response.end("<html>");
      return;
    case "long_answer":
      response.end("x".repeat(1024 * 1024));
      return;
    default:
      await serve(cell, { session, errand, which, body }, response);
  }
}

async function serve(cell: FakeCell, asked: Asked, response: ServerResponse): Promise<void> {
  const { session, errand, which, body } = asked;
  if (errand === "tcp-entry") {
    const { source } = JSON.parse(body) as { source: string };
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    response.end(JSON.stringify({ host: source === "127.0.0.1" ? "cell.example" : source, port: 4_000, expiresAt }));
    return;
  }
  if (errand === "machine") {
    const machineErrand = machineErrandSchema.parse(JSON.parse(body));
    await cell.before(machineErrand);
    response.end(JSON.stringify(obey(cell, session, machineErrand)));
    return;
  }
  const bytes = fileOf(cell, session, errand, which);
  if (bytes === undefined) {
    fail(response, 404, "not_found");
    return;
  }
  if (errand === "seal") {
    const recordings = (cell.recordings.get(session) ?? []).map(({ log: _, ...recording }) => recording);
    response.end(JSON.stringify({ ...sealOf(bytes), recordings }));
    return;
  }
  const isShort = cell.fault === (errand === "trace" ? "short_trace" : "short_recording");
  const isOther = errand === "trace" && cell.fault === "other_trace";
  response.end(isOther ? Buffer.alloc(bytes.length, "x") : bytes.subarray(0, bytes.length - (isShort ? 1 : 0)));
}

function fileOf(cell: FakeCell, session: string, errand: string, which: string): Buffer | undefined {
  switch (errand) {
    case "recordings":
      return cell.recordings.get(session)?.find(({ epoch }) => String(epoch) === which)?.log;
    case "templates":
      return cell.templates.get(which);
    default:
      return cell.traces.get(session);
  }
}

function obey(cell: FakeCell, session: string, errand: MachineErrand): MachineErrandAnswer {
  const names = cell.states.get(session) ?? new Set();
  const stateOf = (name: string) => ({ name, bytes: 1_000, savedAt: new Date(0).toISOString() });
  switch (errand.do) {
    case "pause":
    case "resume":
      return { paused: errand.do === "pause" };
    case "save":
      cell.states.set(session, names.add(errand.name));
      return { bytes: 1_000, states: [stateOf(errand.name)] };
    case "fork":
      cell.states.set(errand.into, new Set(["fork"]));
      return { bytes: 1_000 };
    case "forget":
      names.delete(errand.name);
      return {};
    case "list":
      return { states: [...names].map(stateOf) };
    case "hibernate":
      return { bytes: 1_000 };
    case "wake":
      return {};
    default:
      return errand satisfies never;
  }
}

function fail(response: ServerResponse, status: number, code: ErrorCode): void {
  response.statusCode = status;
  response.end(JSON.stringify({ code, message: `fake cell: ${code}`, requestId: "r-1" }));
}
