import { z } from "zod";
import {
  BACKS_MAX,
  FIRST_PACKETS_MAX,
  MESSAGE_PAGES_MAX,
  NOTED_PACKETS_MAX,
  PAYLOAD_BYTES_MAX,
  READ_PAGES_MAX,
  STEP_CHANGE_CHARS_MAX,
  STEP_CHANGES_MAX,
  STEP_REGISTER_CHARS_MAX,
  STEP_REGISTERS_MAX,
  STEPS_AHEAD_MAX,
  TEXT_CHARS_MAX,
} from "./limits.ts";

/**
 * The link: what a near agent (beside gdb) and a cell (beside the stub) say to each other. The near agent speaks RSP
 * with gdb and answers what it knows; everything else goes over the link as packets' payloads, one request at a time.
 * One WebSocket serves one gdb after another.
 *
 * Pages are 4096 bytes at page-aligned addresses. What the near agent was given is true until the next message that
 * may change it: a resume or a write of its own (a request whose answer brings a new Bundle), or `changed`.
 */
export const LINK_PROTOCOL = "ringside-link.1";

/** A packet's payload, one character per byte. */
const payloadSchema = z
  .string()
  .max(PAYLOAD_BYTES_MAX)
  .regex(/^[^\u0100-\uffff]*$/);
/** Each is greater than the one before, as long as the WebSocket is open. */
const idSchema = z.int().min(1);
/** Of a page, hex without leading zeros. */
const pageAddressSchema = z.string().regex(/^(?:0|[1-9a-f][0-9a-f]{0,12}000)$/);
/** A name that a near agent gives to steps ahead, another each time, so that both ends mean the same ones. */
const aheadNameSchema = z.int().min(0);
/** Of some steps ahead gdb has taken the first `took`: that many it was told of, and it is where the last of them led. */
const backSchema = z.strictObject({
  name: aheadNameSchema,
  took: z
    .int()
    .min(1)
    .max(STEPS_AHEAD_MAX - 1),
});
export type Back = z.infer<typeof backSchema>;
/** Packets that were answered here since the last message, in their order: they belong in the trace. */
const notedSchema = z.array(payloadSchema).max(NOTED_PACKETS_MAX);

/**
 * From the near agent. Each `id` is answered by one message of the same `id`; meanwhile only `interrupt`, `noted` and
 * `left` may go; `back` goes between two requests. A request that `left` cuts short is not answered.
 */
export const nearMessageSchema = z.discriminatedUnion("type", [
  /** A gdb has connected. Answered by `attached` or `refused`. */
  z.strictObject({
    type: z.literal("attach"),
    id: idSchema,
    /** The gdb was attached already, over a link that broke off: what it had inserted, as `Z` payloads, and the
     *  resume whose stop it waits for; that goes on, and its stop comes as `attached`'s stop. */
    again: z
      .strictObject({
        inserted: z.array(payloadSchema).max(FIRST_PACKETS_MAX),
        awaits: payloadSchema.nullable(),
        /** What `back` has told, or would have, and the cell may not have heard. */
        back: z.array(backSchema).max(BACKS_MAX).optional(),
      })
      .nullable(),
  }),
  /**
   * Packets for the policy, in order. Each of `first` is carried out if it is answered `OK`; the first that is not
   * ends the request with its answer. Answered by `answer`.
   */
  z.strictObject({
    type: z.literal("packets"),
    id: idSchema,
    noted: notedSchema,
    first: z.array(payloadSchema).max(FIRST_PACKETS_MAX),
    last: payloadSchema,
    /** `last` is a step, and gdb is likely to ask for so many of the same: the cell may take more of them than the one,
     *  as far as it can take them back exactly, and say how they went (`ahead` of the answer). */
    ahead: z.strictObject({ name: aheadNameSchema, steps: z.int().min(2).max(STEPS_AHEAD_MAX) }).optional(),
  }),
  /**
   * gdb has taken only the first of some steps ahead, and does something else: the machine is taken back to where it
   * stood after those. Without such steps, or where it has moved since, it means nothing.
   */
  z.strictObject({ type: z.literal("back"), ...backSchema.shape, noted: notedSchema }),
  /**
   * Pages that gdb wants to read and that are not here. Answered by `pages`, which may bring others beside them. What
   * was noted tells the cell which parts of pages are read: by that it guesses what comes next.
   */
  z.strictObject({
    type: z.literal("read"),
    id: idSchema,
    noted: notedSchema,
    pages: z.array(pageAddressSchema).min(1).max(READ_PAGES_MAX),
  }),
  /** gdb's Ctrl-C. */
  z.strictObject({ type: z.literal("interrupt") }),
  /** Too many were answered here to wait for the next request. */
  z.strictObject({ type: z.literal("noted"), noted: notedSchema.min(1) }),
  /** gdb has hung up. */
  z.strictObject({ type: z.literal("left"), noted: notedSchema }),
]);
export type NearMessage = z.infer<typeof nearMessageSchema>;

/** How a page stands in the message's bytes. */
const pageSchema = z.discriminatedUnion("as", [
  z.strictObject({ as: z.literal("full"), at: pageAddressSchema }),
  /** `lines`: 16 hex digits, bit n (of 64, the lowest first) set where line n is in the bytes; the others are as they
   *  were when this page was last sent over this link. */
  z.strictObject({ as: z.literal("lines"), at: pageAddressSchema, lines: z.string().regex(/^[0-9a-f]{16}$/) }),
  /** As it was when it was last sent over this link. */
  z.strictObject({ as: z.literal("same"), at: pageAddressSchema }),
]);
export type PageHead = z.infer<typeof pageSchema>;
const pagesSchema = z.array(pageSchema).max(MESSAGE_PAGES_MAX);

/** What is true of the machine as it stands now; what was known before is not. */
const bundleSchema = z.strictObject({
  /** The `g` reply, hex; null where it could not be read. */
  registers: z.string().max(PAYLOAD_BYTES_MAX).nullable(),
  /** The `qfThreadInfo` reply that names all threads. */
  threads: z.string().max(PAYLOAD_BYTES_MAX).nullable(),
  pages: pagesSchema,
});
export type BundleHead = z.infer<typeof bundleSchema>;

const hexSchema = (charsMax: number) =>
  z
    .string()
    .max(charsMax)
    .regex(/^(?:[0-9a-f]{2})+$/);
/** What one step ahead came to: the stop reply, and what it has changed of the registers and of the bundle's pages. */
const stepAheadSchema = z.strictObject({
  stop: payloadSchema,
  /** Number as in `p`, value after the step as `p` gives it. */
  registers: z.array(z.tuple([z.int().min(0).max(255), hexSchema(STEP_REGISTER_CHARS_MAX)])).max(STEP_REGISTERS_MAX),
  /** Address (within a page), bytes before the step, bytes after it; in the order in which they were written. */
  changes: z
    .array(
      z.tuple([
        z.string().regex(/^(?:0|[1-9a-f][0-9a-f]{0,15})$/),
        hexSchema(STEP_CHANGE_CHARS_MAX),
        hexSchema(STEP_CHANGE_CHARS_MAX),
      ]),
    )
    .max(STEP_CHANGES_MAX),
});
export type StepAhead = z.infer<typeof stepAheadSchema>;
/** How steps ahead went. The answer's `payload` is the first step's stop reply; its bundle is true after the last. */
const aheadSchema = z.strictObject({
  /** The `g` reply after the first step. */
  registers: z.string().max(PAYLOAD_BYTES_MAX),
  /** The second step and those after it. */
  steps: z
    .array(stepAheadSchema)
    .min(1)
    .max(STEPS_AHEAD_MAX - 1),
});
export type Ahead = z.infer<typeof aheadSchema>;

/** From the cell. */
export const farMessageSchema = z.discriminatedUnion("type", [
  /** Once, first. */
  z.strictObject({
    type: z.literal("hello"),
    session: z.string().max(64),
    user: z.string().max(64),
    role: z.enum(["driver", "observer", "instructor"]),
    arch: z.enum(["x86_64", "i386"]),
    /** What gdb is answered to qSupported but for PacketSize, `;`-separated, by what the cell's policy takes. */
    offer: z.string().max(PAYLOAD_BYTES_MAX),
    /** The answer to `vCont?`. */
    resumes: z.string().max(200),
  }),
  z.strictObject({
    type: z.literal("attached"),
    id: idSchema,
    /** The stop reply. */
    stop: payloadSchema,
    /** The target description: file name → text. */
    features: z.record(z.string().max(100), z.string().max(256 * 1024)),
    bundle: bundleSchema,
  }),
  z.strictObject({
    type: z.literal("refused"),
    id: idSchema,
    code: z.string().max(64),
    message: z.string().max(TEXT_CHARS_MAX),
  }),
  /** The answer to the last packet, or to the first that was not `OK`. */
  z.strictObject({
    type: z.literal("answer"),
    id: idSchema,
    payload: payloadSchema,
    /** Lines for gdb's user before the answer (`O` packets' texts). */
    said: z.array(z.string().max(TEXT_CHARS_MAX)).max(64),
    /** Present after a stop and after a write. */
    bundle: bundleSchema.nullable(),
    /** Where steps were taken ahead. */
    ahead: aheadSchema.optional(),
  }),
  /**
   * Pages beside what is known. `missing`: not to be had as a page, because some of it cannot be read or because
   * reading more than gdb asks for might have an effect there (a device's registers). gdb's own packet may still be
   * answered: it goes through `packets`.
   */
  z.strictObject({
    type: z.literal("pages"),
    id: idSchema,
    pages: pagesSchema,
    missing: z.array(pageAddressSchema).max(READ_PAGES_MAX),
  }),
  /** Somebody else runs the machine or has written to it: nothing that was given is true any more. */
  z.strictObject({ type: z.literal("changed") }),
  /** A line for people: who has taken the driver's seat, a reset. */
  z.strictObject({ type: z.literal("said"), text: z.string().max(TEXT_CHARS_MAX) }),
]);
export type FarMessage = z.infer<typeof farMessageSchema>;
