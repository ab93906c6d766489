import { z } from "zod";
import {
  FIRST_PACKETS_MAX,
  MESSAGE_PAGES_MAX,
  NOTED_PACKETS_MAX,
  PAYLOAD_BYTES_MAX,
  READ_PAGES_MAX,
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
/** Packets that were answered here since the last message, in their order: they belong in the trace. */
const notedSchema = z.array(payloadSchema).max(NOTED_PACKETS_MAX);

/**
 * From the near agent. Each `id` is answered by one message of the same `id`; meanwhile only `interrupt`, `noted` and
 * `left` may go. A request that `left` cuts short is not answered.
 */
export const nearMessageSchema = z.discriminatedUnion("type", [
  /** A gdb has connected. Answered by `attached` or `refused`. */
  z.strictObject({
    type: z.literal("attach"),
    id: idSchema,
    /** The gdb was attached already, over a link that broke off: what it had inserted, as `Z` payloads, and the
     *  resume whose stop it waits for; that goes on, and its stop comes as `attached`'s stop. */
    again: z
      .strictObject({ inserted: z.array(payloadSchema).max(FIRST_PACKETS_MAX), awaits: payloadSchema.nullable() })
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
  }),
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
