import { z } from "zod";
import { checkpointNameSchema, recordingSchema, savedStateSchema } from "./cell-link.ts";
import { cellIdSchema, sessionIdSchema, userIdSchema } from "./ids.ts";

/**
 * Tickets: JWTs signed with Ed25519 (`alg: EdDSA`) by the api, checked by the proxy with the public key.
 * A client sends one as `Authorization: Bearer …` or, from a browser, as the WebSocket subprotocol
 * `ringside.ticket.<jwt>` beside `ringside`. It never stands in a URL: URLs end up in logs.
 */
export const TICKET_ISSUER = "ringside-api";
export const TICKET_AUDIENCE = "ringside-cell";
export const WS_PROTOCOL = "ringside";
export const WS_TICKET_PROTOCOL_PREFIX = "ringside.ticket.";

export const CONNECTION_ROLES = ["driver", "observer", "instructor"] as const;
export type ConnectionRole = (typeof CONNECTION_ROLES)[number];

/** `gdb` and `console` open a connection; the others are the api's own errands to a cell. */
export const TICKET_KINDS = ["gdb", "console", "tcp-entry", "machine", "seal", "trace"] as const;
export type TicketKind = (typeof TICKET_KINDS)[number];

export const ticketClaimsSchema = z.object({
  jti: z.string().min(8).max(64),
  sub: userIdSchema,
  sid: sessionIdSchema,
  cell: cellIdSchema,
  kind: z.enum(TICKET_KINDS),
  role: z.enum(CONNECTION_ROLES),
  exp: z.int(),
});
export type TicketClaims = z.infer<typeof ticketClaimsSchema>;

/** Paths that gdb-proxy serves. The WebSocket ones carry raw bytes in binary frames, in both directions. */
export const PROXY_PATHS = {
  gdb: (session: string) => `/v1/sessions/${session}/gdb`,
  console: (session: string) => `/v1/sessions/${session}/console`,
  /** A near agent's WebSocket, kind `gdb`: the messages of packages/link, its own subprotocol. */
  link: (session: string) => `/v1/sessions/${session}/link`,
  /** POST, kind `tcp-entry`: body tcpEntryRequestSchema. */
  tcpEntry: (session: string) => `/v1/sessions/${session}/tcp-entry`,
  /** POST, kind `machine`: body machineErrandSchema, answer machineErrandAnswerSchema. */
  machine: (session: string) => `/v1/sessions/${session}/machine`,
  /** GET, kind `trace`: a template of the cell as an archive for replays, application/octet-stream. */
  template: (session: string, contents: string) => `/v1/sessions/${session}/templates/${contents}`,
  /** GET, kind `trace`: the replay log of one epoch, application/octet-stream. */
  recording: (session: string, epoch: number) => `/v1/sessions/${session}/recordings/${epoch}`,
  /** POST, kind `seal`: ends recording and answers sealAnswerSchema. Sealing again answers the same. */
  seal: (session: string) => `/v1/sessions/${session}/seal`,
  /** GET, kind `trace`: the sealed or growing trace, application/x-ndjson. */
  trace: (session: string) => `/v1/sessions/${session}/trace`,
} as const;

export const tcpEntryRequestSchema = z.strictObject({
  /** The only address that may connect. */
  source: z.union([z.ipv4(), z.ipv6()]),
});

/** A TCP port that takes one gdb connection and then closes. */
export const tcpEntrySchema = z.strictObject({
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65_535),
  /** RFC 3339; without a connection until then the port closes. */
  expiresAt: z.iso.datetime(),
});
export type TcpEntry = z.infer<typeof tcpEntrySchema>;

/** What the api has done to a machine. The proxy sees to it that no debugger is surprised. */
export const machineErrandSchema = z.discriminatedUnion("do", [
  /** Saves the machine and ends it; connections are kept and wake it. */
  z.strictObject({ do: z.literal("hibernate") }),
  z.strictObject({ do: z.literal("wake") }),
  /** Holds the guest still for everybody, as if a debugger stopped it; again: nothing. */
  z.strictObject({ do: z.literal("pause") }),
  /** Ends a pause; what a debugger has stopped stays stopped. */
  z.strictObject({ do: z.literal("resume") }),
  z.strictObject({ do: z.literal("save"), name: checkpointNameSchema }),
  z.strictObject({ do: z.literal("fork"), name: checkpointNameSchema.nullable(), into: sessionIdSchema }),
  z.strictObject({ do: z.literal("forget"), name: checkpointNameSchema }),
  z.strictObject({ do: z.literal("list") }),
]);
export type MachineErrand = z.infer<typeof machineErrandSchema>;

export const machineErrandAnswerSchema = z.strictObject({
  /** hibernate, save, fork: what was written, in bytes. */
  bytes: z.int().min(0).optional(),
  /** pause, resume: whether the machine is held now. */
  paused: z.boolean().optional(),
  /** save: one; list: all. */
  states: z.array(savedStateSchema).optional(),
});
export type MachineErrandAnswer = z.infer<typeof machineErrandAnswerSchema>;

export const sealSchema = z.strictObject({
  /** Number of events, the seal itself included. */
  events: z.int().min(1),
  bytes: z.int().min(1),
  /** sha256 of the whole trace, all segments in order. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Hash of the last event: the end of the chain. */
  head: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Seal = z.infer<typeof sealSchema>;

/** What sealing a session at its cell answers. */
export const sealAnswerSchema = sealSchema.extend({
  /** Replay logs of the session's machines, which the trace names too; empty where the lab does not record. */
  recordings: z.array(recordingSchema),
});
export type SealAnswer = z.infer<typeof sealAnswerSchema>;
