import {
  archSchema,
  CONNECTION_ROLES,
  cellIdSchema,
  epochSchema,
  labSlugSchema,
  parametersSchema,
  sessionIdSchema,
  sha256Schema,
  userIdSchema,
} from "@ringside/shared";
import { z } from "zod";
import { ANSWER_CHARS_MAX, NOTED_PACKET_CHARS_MAX, NOTED_PACKETS_MAX, USER_REGISTERS_MAX } from "./limits.ts";
import { QUESTION } from "./question.ts";

/**
 * The events of a Trace: what happened in a Session, in the order in which the cell saw it.
 *
 * On disk a trace is segments of JSON lines. Each line is one event with its `hash` as the last member:
 *   {"seq":0,"t":0,"type":"trace.opened",…,"hash":"<64 hex>"}
 * `hash` = sha256(previous hash as 64 hex characters, or 64 zeros for the first, followed by the line's
 * bytes up to and without `,"hash":"…"}`). `seq` counts from 0 without gaps, over segments too.
 * `t` is milliseconds of the monotonic clock since the trace was opened, three decimals; it goes on from
 * the last event's `t` after a restart of the recorder.
 * Bytes (packets, console) are strings with one character per byte (latin-1).
 */
export const TRACE_VERSION = 1;

/** One character per byte. */
const bytesSchema = z.string().max(1_048_576);
const connectionSchema = z.int().min(1);
/** Guest instructions since the machine started, as QEMU counts them when it records. */
const icountSchema = z.int().min(0);
const hexAddressSchema = z.string().regex(/^[0-9a-f]{1,16}$/);

/** The `g` reply, hex. */
const registersSchema = z
  .string()
  .regex(/^[0-9a-fx]*$/)
  .max(16_384);

/** The key's name (sha256 of its SubjectPublicKeyInfo), and an Ed25519 signature in base64url. */
const signatureSchema = z.strictObject({ key: sha256Schema, value: z.string().regex(/^[A-Za-z0-9_-]{86}$/) });

const head = { seq: z.int().min(0), t: z.number().min(0) };

export const eventSchema = z.discriminatedUnion("type", [
  z.strictObject({
    ...head,
    type: z.literal("trace.opened"),
    version: z.literal(TRACE_VERSION),
    session: sessionIdSchema,
    user: userIdSchema,
    lab: labSlugSchema,
    image: sha256Schema,
    arch: archSchema,
    parameters: parametersSchema,
    cell: cellIdSchema,
    wall: z.iso.datetime(),
  }),
  /** The recorder's process was replaced; `cutBytes` of a half-written last line were dropped. */
  z.strictObject({ ...head, type: z.literal("trace.resumed"), wall: z.iso.datetime(), cutBytes: z.int().min(0) }),
  /** Nothing follows. The signature is the last member of its line: see seal-signature.ts. */
  z.strictObject({
    ...head,
    type: z.literal("trace.sealed"),
    wall: z.iso.datetime(),
    signature: signatureSchema.optional(),
  }),
  z.strictObject({
    ...head,
    type: z.literal("machine.found"),
    epoch: epochSchema,
    qemu: z.string().max(200),
    /** The saved state that it started from; left out for a fresh machine. */
    from: z.enum(["hibernated", "state"]).optional(),
    /** Present where QEMU records it: contents of the template that a replay starts from. */
    template: sha256Schema.optional(),
  }),
  z.strictObject({ ...head, type: z.literal("machine.gone"), epoch: epochSchema }),
  /** The machine was saved and ended; connections stay. `machine.found` of the same epoch follows when it wakes. */
  z.strictObject({ ...head, type: z.literal("machine.hibernated"), epoch: epochSchema }),
  /** The stopped machine was saved under a name, or copied for another session. */
  z.strictObject({ ...head, type: z.literal("machine.saved"), epoch: epochSchema, as: z.string().min(1).max(64) }),
  /** In a recorded machine, before a packet that writes registers or memory is let through: guest instructions so far. */
  z.strictObject({ ...head, type: z.literal("machine.written"), icount: icountSchema, data: bytesSchema }),
  /** A recorded machine's log is kept: what a replay needs beside the template. */
  z.strictObject({
    ...head,
    type: z.literal("recording.kept"),
    epoch: epochSchema,
    sha256: sha256Schema,
    bytes: z.int().min(1),
    template: sha256Schema,
    whole: z.boolean(),
  }),
  z.strictObject({
    ...head,
    type: z.literal("connection.opened"),
    connection: connectionSchema,
    kind: z.enum(["gdb", "console"]),
    via: z.enum(["websocket", "tcp", "link"]),
    user: userIdSchema,
    role: z.enum(CONNECTION_ROLES),
  }),
  z.strictObject({
    ...head,
    type: z.literal("connection.closed"),
    connection: connectionSchema,
    why: z.string().max(100),
  }),
  /** A packet's payload as gdb sent it (unescaped, without framing), before anything is done with it. */
  z.strictObject({ ...head, type: z.literal("gdb.packet"), connection: connectionSchema, data: bytesSchema }),
  /** The payload that gdb was answered, whoever answered; long hex with run lengths (reply-text.ts). */
  z.strictObject({ ...head, type: z.literal("gdb.reply"), connection: connectionSchema, data: bytesSchema }),
  /** gdb's Ctrl-C. */
  z.strictObject({ ...head, type: z.literal("gdb.interrupt"), connection: connectionSchema }),
  /** The packet before this was not let through: the policy's reason. */
  z.strictObject({ ...head, type: z.literal("gdb.refused"), connection: connectionSchema, why: z.string().max(200) }),
  /** Packets that the near agent answered from what it had been given, in their order. */
  z.strictObject({
    ...head,
    type: z.literal("gdb.noted"),
    connection: connectionSchema,
    packets: z.array(z.string().max(NOTED_PACKET_CHARS_MAX)).min(1).max(NOTED_PACKETS_MAX),
  }),
  /** An answer that was given with `monitor answer`. */
  z.strictObject({
    ...head,
    type: z.literal("answer.given"),
    connection: connectionSchema,
    question: z.string().regex(QUESTION),
    value: z.string().max(ANSWER_CHARS_MAX),
  }),
  /** The driver's seat has changed hands; 0: nobody has it. */
  z.strictObject({ ...head, type: z.literal("seat.taken"), connection: z.int().min(0) }),
  /**
   * The machine was set running; connection 0 is the cell itself (after a detach). `range`: step after step at the
   * cell, while the program counter stays in a range that the debugger named.
   */
  z.strictObject({
    ...head,
    type: z.literal("machine.resumed"),
    connection: z.int().min(0),
    action: z.enum(["continue", "step", "range"]),
  }),
  /**
   * The machine stopped, as the cell saw it: the stub's stop reply, the registers (`g` reply, hex, in the
   * stub's layout) and the return addresses on the frame-pointer chain, innermost first (empty after a single step).
   */
  z.strictObject({
    ...head,
    type: z.literal("machine.stopped"),
    reply: bytesSchema,
    registers: registersSchema,
    frames: z.array(hexAddressSchema).max(64),
    /**
     * What stands at the top of the stack, where it looks like a program's registers when it entered the kernel (Linux's
     * pt_regs): the system call's number and the registers, in hex. Left out after a single step.
     */
    user: z
      .strictObject({ nr: z.int(), registers: z.record(z.string().regex(/^[a-z0-9]{2,6}$/), hexAddressSchema) })
      .refine(({ registers }) => Object.keys(registers).length <= USER_REGISTERS_MAX, "too many registers")
      .optional(),
    /** In a recorded machine: guest instructions so far. */
    icount: icountSchema.optional(),
    /** After a range, or steps ahead of the debugger: how many steps were taken. */
    steps: z.int().min(1).optional(),
    /** How often conditions of breakpoints did not hold since the stop before, where the machine was not stopped. */
    misses: z.int().min(1).optional(),
  }),
  /**
   * Of the steps before, the debugger has asked for the first `steps` only: the cell has put registers and memory
   * back to how they were after those. Nothing of it is the student's. Reply and registers as of `machine.stopped`.
   */
  z.strictObject({
    ...head,
    type: z.literal("machine.rewound"),
    connection: connectionSchema,
    steps: z.int().min(1),
    reply: bytesSchema,
    registers: registersSchema,
  }),
  z.strictObject({ ...head, type: z.literal("console.output"), data: bytesSchema }),
  /** The guest wrote faster than is kept: so many bytes were not recorded. */
  z.strictObject({ ...head, type: z.literal("console.dropped"), bytes: z.int().min(1) }),
  z.strictObject({ ...head, type: z.literal("console.input"), connection: connectionSchema, data: bytesSchema }),
]);

export type TraceEvent = z.infer<typeof eventSchema>;
export type TraceEventType = TraceEvent["type"];
export type TraceEventOf<T extends TraceEventType> = Extract<TraceEvent, { type: T }>;

type WithoutHead<E> = E extends TraceEvent ? Omit<E, "seq" | "t"> : never;
/** An event before the writer has given it its number and time. */
export type NewTraceEvent = WithoutHead<TraceEvent>;
