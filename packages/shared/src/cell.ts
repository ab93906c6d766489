import { z } from "zod";
import { cellIdSchema, epochSchema, sessionIdSchema, sha256Schema, userIdSchema } from "./ids.ts";
import { archSchema } from "./image.ts";
import { labSlugSchema, parametersSchema } from "./lab.ts";

/**
 * What the two processes of a cell and the api share about machines, outside the job queues:
 * leases and announcements in Redis, and the run directory on the cell's disk.
 *
 *   <prefix>:lease:<session>          who runs the session's machine; PX LEASE_TTL_MS
 *   <prefix>:cell:<cell>:proxy        where clients reach the cell; PX CELL_ANNOUNCE_TTL_MS
 *   <prefix>:cell:<cell>:runner       how many slots it has; PX CELL_ANNOUNCE_TTL_MS
 *   <prefix>:ticket:<jti>             a ticket that was redeemed
 *
 *   <run>/m/<session>.<epoch>/machine.json    written last, by atomic rename: from then on the machine is there
 *   <run>/m/<session>.<epoch>/gdb.sock        the stub
 *   <run>/m/<session>.<epoch>/console.sock    ttyS0
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

export const cellProxySchema = z.strictObject({
  cell: cellIdSchema,
  /** Base URL that clients use (`ws://…` or `wss://…`), without a trailing slash. */
  publicUrl: z.url({ protocol: /^wss?$/ }),
  /** Base URL that the api uses (`http://…`), without a trailing slash. */
  internalUrl: z.url({ protocol: /^https?$/ }),
});
export type CellProxy = z.infer<typeof cellProxySchema>;

export const cellRunnerSchema = z.strictObject({
  cell: cellIdSchema,
  runner: z.string().min(1).max(64),
  slots: z.int().min(0),
  machines: z.int().min(0),
});
export type CellRunner = z.infer<typeof cellRunnerSchema>;

export const MACHINES_FOLDER = "m";
export const MACHINE_FILE = "machine.json";
export const STUB_SOCKET = "gdb.sock";
export const CONSOLE_SOCKET = "console.sock";
/** Linux: sun_path holds 108 bytes with the final NUL. */
export const SOCKET_PATH_BYTES_MAX = 107;

export const machineFolder = (session: string, epoch: number): string => `${session}.${epoch}`;

/** `machine.json`: what gdb-proxy must know of a machine. */
export const machineFileSchema = z.strictObject({
  session: sessionIdSchema,
  epoch: epochSchema,
  user: userIdSchema,
  lab: labSlugSchema,
  image: sha256Schema,
  arch: archSchema,
  parameters: parametersSchema,
  qemuVersion: z.string().min(1).max(200),
  pid: z.int().min(1),
  /** What the guest wrote to its console before the proxy could read it: one character per byte. */
  consoleStart: z.string().max(65_536).default(""),
});
export type MachineFile = z.infer<typeof machineFileSchema>;
