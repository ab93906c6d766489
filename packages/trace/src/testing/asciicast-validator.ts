import { z } from "zod";

/**
 * A strict reader of asciicast v3, written from its published text (docs.asciinema.org, "asciicast v3"); stricter
 * than players are: no attribute and no code that the text does not name, nothing that it says must be escaped.
 */
const color = z.string().regex(/^#[0-9a-f]{6}$/i);
const palette = z.string().regex(/^#[0-9a-f]{6}(?::#[0-9a-f]{6}){7}(?:(?::#[0-9a-f]{6}){8})?$/i);
const headerSchema = z.strictObject({
  version: z.literal(3),
  term: z.strictObject({
    cols: z.int().min(1).max(65_535),
    rows: z.int().min(1).max(65_535),
    type: z.string().optional(),
    version: z.string().optional(),
    theme: z.strictObject({ fg: color, bg: color, palette }).optional(),
  }),
  timestamp: z.int().min(0).optional(),
  idle_time_limit: z.number().min(0).optional(),
  command: z.string().optional(),
  title: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  tags: z.array(z.string()).optional(),
});

const interval = z.number().min(0);
const lineSchema = z.union([
  z.tuple([interval, z.enum(["o", "i", "m"]), z.string()]),
  z.tuple([interval, z.literal("r"), z.string().regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/)]),
  z.tuple([interval, z.literal("x"), z.string().regex(/^-?\d{1,10}$/)]),
]);

export interface CastLine {
  /** Seconds since the recording began. */
  readonly at: number;
  readonly interval: number;
  readonly code: "o" | "i" | "m" | "r" | "x";
  readonly data: string;
}

export interface Cast {
  readonly header: z.infer<typeof headerSchema>;
  readonly lines: readonly CastLine[];
}

/** @throws Error that names the line */
export function readAsciicast(text: string): Cast {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const [first = "", ...rest] = text.slice(0, -1).split("\n");
  const header = headerSchema.parse(JSON.parse(first));
  let at = 0;
  const lines = rest.flatMap((line, index): CastLine[] => {
    if (line.startsWith("#")) return [];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\0-\x1f\x7f-\x9f\u2028\u2029]/.test(line)) throw new Error(`line ${index + 2} holds what does not print`);
    if (/[\ud800-\udfff]/u.test(line)) throw new Error(`line ${index + 2} is no UTF-8`);
    const [seconds, code, data] = lineSchema.parse(JSON.parse(line));
    at += seconds;
    return [{ at, interval: seconds, code, data }];
  });
  const exit = lines.findIndex(({ code }) => code === "x");
  if (exit !== -1 && exit !== lines.length - 1) throw new Error("something follows the exit");
  return { header, lines };
}
