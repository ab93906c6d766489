import { z } from "zod";
import { cellIdSchema, epochSchema, machineIdSchema, sessionIdSchema, sha256Schema, userIdSchema } from "./ids.ts";
import { archSchema } from "./image.ts";
import { hintsSchema, labSlugSchema, MACHINE_STARTS, ON_DISCONNECT, parametersSchema } from "./lab.ts";

/**
 * What the two processes of a cell and the api share about machines, outside the job queues:
 * leases and announcements in Redis, and the run directory on the cell's disk.
 *
 *   <prefix>:lease:<session>          who runs the session's machine; PX LEASE_TTL_MS
 *   <prefix>:cell:<cell>:proxy        where clients reach the cell; PX CELL_ANNOUNCE_TTL_MS
 *   <prefix>:cell:<cell>:runner       how many slots it has; PX CELL_ANNOUNCE_TTL_MS
 *   <prefix>:ticket:<jti>             a ticket that was redeemed
 *
 *   <run>/m/<machine>/machine.json    written last, by atomic rename: from then on the machine is there
 *   <run>/m/<machine>/gdb.sock        the stub
 *   <run>/m/<machine>/console.sock    ttyS0
 *   <run>/cell.sock                   the runner's ear for its cell's proxy: see cell-link.ts
 */
export const leaseKey = (prefix: string, session: string): string => `${prefix}:lease:${session}`;
export const cellProxyKey = (prefix: string, cell: string): string => `${prefix}:cell:${cell}:proxy`;
export const cellRunnerKey = (prefix: string, cell: string): string => `${prefix}:cell:${cell}:runner`;
export const ticketKey = (prefix: string, jti: string): string => `${prefix}:ticket:${jti}`;

export const leaseSchema = z.strictObject({
  cell: cellIdSchema,
  /** A random name of the runner process, new at each of its starts. */
  runner: z.string().min(1).max(64),
  epoch: epochSchema,
});
export type Lease = z.infer<typeof leaseSchema>;

/** The public half of the key that a cell signs the seals of its traces with. */
export const sealKeySchema = z.strictObject({
  /** Its name: sha256 of the public key's SubjectPublicKeyInfo (DER). */
  key: sha256Schema,
  /** That SubjectPublicKeyInfo in base64: an Ed25519 key (RFC 8410). */
  publicKey: z.string().regex(/^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/),
});

export const cellProxySchema = z.strictObject({
  cell: cellIdSchema,
  /** Base URL that clients use (`ws://…` or `wss://…`), without a trailing slash. */
  publicUrl: z.url({ protocol: /^wss?$/ }),
  /** Base URL that the api uses (`http://…`), without a trailing slash. */
  internalUrl: z.url({ protocol: /^https?$/ }),
  sealKey: sealKeySchema,
});
export type CellProxy = z.infer<typeof cellProxySchema>;

/** What one cell's machines weigh and do, as `ringside top` shows it. */
export const cellLoadSchema = z.strictObject({
  /** Machines by what they do now. */
  starting: z.int().min(0),
  running: z.int().min(0),
  ending: z.int().min(0),
  /** Prewarmed processes that wait for a start, and how many are wanted. */
  pool: z.strictObject({ ready: z.int().min(0), target: z.int().min(0) }),
  hibernated: z.strictObject({ sessions: z.int().min(0), bytes: z.int().min(0) }),
  /** Starts since the runner began, by way. */
  starts: z.strictObject({ pool: z.int().min(0), clone: z.int().min(0), cold: z.int().min(0) }),
  /** Memory of the machines, the pool included: their own, and what they share with templates and each other. */
  memory: z.strictObject({ privateBytes: z.int().min(0), sharedBytes: z.int().min(0) }),
  /** Cores that the machines used over the last seconds: 2 means two cores busy. */
  cpuCores: z.number().min(0),
  /** How machines are held back: control groups of version 1 or 2, or only by niceness. */
  limitedBy: z.enum(["cgroup1", "cgroup2", "nice"]),
});
export type CellLoad = z.infer<typeof cellLoadSchema>;

export const cellRunnerSchema = z.strictObject({
  cell: cellIdSchema,
  runner: z.string().min(1).max(64),
  slots: z.int().min(0),
  machines: z.int().min(0),
  load: cellLoadSchema,
});
export type CellRunner = z.infer<typeof cellRunnerSchema>;

export const MACHINES_FOLDER = "m";
export const MACHINE_FILE = "machine.json";
export const STUB_SOCKET = "gdb.sock";
export const CONSOLE_SOCKET = "console.sock";
/**
 * ttyS0 of a recorded machine: named pipes instead of the socket. A socket that is not read for a few milliseconds
 * refuses QEMU's bytes, and when they are tried again is not in the log: such a recording cannot be replayed.
 */
export const CONSOLE_PIPES = { base: "console", input: "console.in", output: "console.out" } as const;
/** Linux: sun_path holds 108 bytes with the final NUL. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** `machine.json`: what gdb-proxy must know of a machine. */
export const machineFileSchema = z.strictObject({
  /** The name of its folder. */
  machine: machineIdSchema,
  session: sessionIdSchema,
  epoch: epochSchema,
  user: userIdSchema,
  lab: labSlugSchema,
  image: sha256Schema,
  arch: archSchema,
  parameters: parametersSchema,
  qemuVersion: z.string().min(1).max(200),
  pid: z.int().min(1),
  /** What it started from: a fresh clone or boot, its own hibernated state, or a saved one. */
  from: z.enum(["fresh", "hibernated", "state"]).default("fresh"),
  /** True where QEMU records everything for a replay: see SessionRecording. */
  recording: z.boolean().default(false),
  /** sha256 of the template's contents that it is a clone of; null after a cold boot. */
  template: sha256Schema.nullable().default(null),
  /** Minutes without any connection after which it hibernates; 0 is never. */
  idleMinutes: z.int().min(0).default(0),
  onDisconnect: z.enum(ON_DISCONNECT).default("run"),
  /** Where a fresh machine waits: see MACHINE_STARTS. */
  start: z.enum(MACHINE_STARTS).default("prompt"),
  /** What `monitor hint` says. */
  hints: hintsSchema.default([]),
  /** What the guest has; null: at least what the smallest machine has. */
  memoryMib: z.int().min(1).nullable().default(null),
  /** What the guest wrote to its console before the proxy could read it: one character per byte. */
  consoleStart: z.string().max(65_536).default(""),
});
export type MachineFile = z.infer<typeof machineFileSchema>;
