import { z } from "zod";

/** What QEMU says over QMP (QEMU's docs/interop/qmp-spec): a greeting, then answers and events in any order. */
const greetingSchema = z.object({ QMP: z.object({ version: z.object({ package: z.string().optional() }) }) });
const returnSchema = z.object({ return: z.unknown(), id: z.int() });
const errorSchema = z.object({ error: z.object({ class: z.string(), desc: z.string() }), id: z.int().optional() });
const eventSchema = z.object({ event: z.string(), data: z.record(z.string(), z.unknown()).default({}) });

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type QmpMessage =
  | { readonly kind: "greeting" }
  | { readonly kind: "return"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number | undefined; readonly reason: string; readonly text: string }
  | { readonly kind: "event"; readonly event: QmpEvent };

/**
 * Reads one line. Null when it is none of QMP's messages: the peer is not a QEMU, or a broken one.
 * @param line without its newline
 */
export function parseQmpLine(line: string): QmpMessage | null {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  const returned = returnSchema.safeParse(json);
  if (returned.success) return { kind: "return", id: returned.data.id, value: returned.data.return };
  const error = errorSchema.safeParse(json);
  if (error.success) {
    return { kind: "error", id: error.data.id, reason: error.data.error.class, text: error.data.error.desc };
  }
  const event = eventSchema.safeParse(json);
  if (event.success) return { kind: "event", event: event.data };
  return greetingSchema.safeParse(json).success ? { kind: "greeting" } : null;
}
